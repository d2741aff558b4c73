"""Images below a folder or in a zip or tar file, which is not unpacked. Nothing outside is read."""

import os
import re
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from jointnn.errors import UserError

SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp", ".ppm", ".pgm")
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")


@dataclass(frozen=True)
class Tree:
    """Images by their path below the root ("train/cat/1.png"), sorted, and every folder's path."""

    images: dict[str, bytes]
    folders: set[str]


def is_archive(path: Path) -> bool:
    """Return whether the name is that of a zip or tar file."""
    return path.name.lower().endswith(ARCHIVES)


def image_files(folder: Path) -> list[Path]:
    """Return the images below a folder, sorted; other files and hidden ones are no images."""
    found = (Path(top) / name for top, _, names in walk(folder) for name in names)
    return sorted(path for path in found if path.suffix.lower() in SUFFIXES)


def read_tree(path: Path, *, names_alone: bool = False) -> Tree:
    """Return all images below a folder or in an archive.

    Args:
        names_alone: read no image's bytes.

    Raises:
        UserError: something points outside, is a link in an archive, is damaged or missing.
    """
    if not path.exists():
        raise UserError(f"{path} is missing. Put the images there or mend the dataset's `path`.")
    read = _read_archive if is_archive(path) else _read_folder
    images, folders = read(path, names_alone)
    folders |= {str(parent) for name in images for parent in PurePosixPath(name).parents}
    return Tree(dict(sorted(images.items())), folders - {"."})


def inside(folder: Path, path: Path, place: str) -> Path:
    """Return `path`, unless it leads out of `folder` by .. or a link; `place` names it in the message."""
    try:
        leads_out = not path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError) as error:  # links in a circle, a name with a NUL
        raise UserError(f"{place!r} can be the name of no file: {error}. Mend it.") from error
    if leads_out:
        raise UserError(f"{place} points outside of {folder}. Put the image into the folder itself.")
    return path


def below(folder: Path, name: str) -> str | None:
    """Return the path below a folder that a name leads to, however it is written; None if it leads out."""
    path = PurePosixPath(name)
    if "\0" in name:
        return None
    if ".." not in path.parts and not path.is_absolute():
        return str(path)
    try:
        return (folder / name).resolve().relative_to(folder.resolve()).as_posix()
    except (OSError, RuntimeError, ValueError):
        return None


@contextmanager
def unpacked_inside() -> Iterator[None]:
    """Let a library unpack tar files within it by Python's filter: no member leaves the folder.

    Python 3.14 does so by itself, and 3.12 warns where it is left open. Before 3.11.4 there is no filter.
    """
    chosen = getattr(tarfile, "data_filter", None)
    if chosen is None:
        yield
        return
    before = vars(tarfile.TarFile).get("extraction_filter")
    tarfile.TarFile.extraction_filter = staticmethod(chosen)
    try:
        yield
    finally:
        tarfile.TarFile.extraction_filter = before


def walk(folder: Path) -> Iterator[tuple[str, list[str], list[str]]]:
    """Yield every folder below one, with the names of its folders and files; hidden ones do not count."""
    for top, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not _is_hidden(name)]
        yield top, folders, [name for name in names if not _is_hidden(name)]


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name == "__MACOSX"


def _read_folder(root: Path, names_alone: bool) -> tuple[dict[str, bytes], set[str]]:
    folders = set()
    for top, names, _ in walk(root):
        for path in (Path(top) / name for name in names):
            if path.is_symlink():
                raise UserError(f"{path} is a link to a folder. Put the images into the folder itself.")
            folders.add(path.relative_to(root).as_posix())
    images = {}
    for path in image_files(root):
        inside(root, path, str(path))
        try:
            images[path.relative_to(root).as_posix()] = b"" if names_alone else path.read_bytes()
        except OSError as error:
            raise UserError(f"{path} could not be read: {error.strerror}. Mend or remove it.") from error
    return images, folders


def _read_archive(path: Path, names_alone: bool) -> tuple[dict[str, bytes], set[str]]:
    """Return images and folders of an archive; one folder around everything is left away."""
    read = _zip_members if zipfile.is_zipfile(path) else _tar_members
    members = read(path, names_alone)
    images, folders = {}, set()
    try:
        for name, content in members:
            parts = [part for part in PurePosixPath(name).parts if part != "."]
            if any(_is_hidden(part) for part in parts) or not parts:
                continue
            if content is None:
                folders.add("/".join(parts))
            elif PurePosixPath(name).suffix.lower() in SUFFIXES:
                images["/".join(parts)] = content
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, OSError, EOFError) as error:
        raise UserError(f"{path} is damaged: {error}. Replace it.") from error
    except (RuntimeError, NotImplementedError) as error:
        raise UserError(f"{path} cannot be read: {error}. Pack it again without that.") from error
    around = _folder_around(images)
    return (
        {name.removeprefix(around): content for name, content in images.items()},
        {name.removeprefix(around) for name in folders if name.startswith(around)},
    )


def _zip_members(path: Path, names_alone: bool) -> Iterator[tuple[str, bytes | None]]:
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            _check_member(path, member.filename, stat.S_ISLNK(member.external_attr >> 16))
            content = b"" if names_alone or member.is_dir() else archive.read(member)
            yield member.filename, None if member.is_dir() else content


def _tar_members(path: Path, names_alone: bool) -> Iterator[tuple[str, bytes | None]]:
    with tarfile.open(path) as archive:
        for member in archive:
            _check_member(path, member.name, not (member.isfile() or member.isdir()))
            file = archive.extractfile(member)
            yield member.name, None if file is None else b"" if names_alone else file.read()


def _check_member(path: Path, name: str, is_link: bool) -> None:
    parts = re.split(r"[/\\]", name)
    if name.startswith(("/", "\\")) or ".." in parts or re.match(r"[A-Za-z]:", name):
        raise UserError(f"{path}: its member {name!r} points outside of the archive. Pack it again.")
    if is_link:
        raise UserError(f"{path}: its member {name!r} is a link or device. Pack the images themselves.")


def _folder_around(images: dict[str, bytes]) -> str:
    """Return "flowers/" if all images lie in flowers/<class>/, as when a folder was packed; else ""."""
    tops = {PurePosixPath(name).parts[0] for name in images}
    if len(tops) != 1 or tops <= {"train", "test"}:
        return ""
    return f"{tops.pop()}/" if all(len(PurePosixPath(name).parts) > 2 for name in images) else ""
