"""Images below a folder or in a zip or tar file, which is not unpacked. Nothing outside is read, and what
lies inside and is no image is counted."""

import bz2
import gzip
import lzma
import os
import re
import stat
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from jointnn.data.bounds import Bounded, most_unpacked, too_much
from jointnn.data.image_formats import HEAD, is_image, why_no_image
from jointnn.data.left_out import LeftOut
from jointnn.data.structure import split_of
from jointnn.errors import UserError, one_line

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
OF_SYSTEMS = {
    "@eadir": "thumbnails of a network drive",
    "@recycle": "the bin of a network drive",
    "#recycle": "the bin of a network drive",
    "#snapshot": "copies of a network drive",
    "$recycle.bin": "the bin of Windows",
    "system volume information": "of Windows",
    "lost+found": "of a disk",
    "__macosx": "of macOS",
    "__pycache__": "of Python",
}
"""Folders that systems put between those of a person, in small letters, and what they are."""
KINDS = (0, stat.S_IFREG, stat.S_IFDIR)
"""What a member of a zip file can be: a file or folder; many programs say nothing of it."""
HIDDEN = "names that begin with a dot"


@dataclass(frozen=True)
class Tree:
    """Contents of a folder or an archive.

    Attributes:
        images: by their path below the root ("train/cat/1.png"), sorted.
        folders: every folder's path.
        left_out: all else.
    """

    images: dict[str, bytes]
    folders: set[str]
    left_out: LeftOut = field(default_factory=LeftOut)


def is_archive(path: Path) -> bool:
    """Return whether the name is that of a zip or tar file."""
    return path.name.lower().endswith(ARCHIVES)


def image_files(folder: Path) -> list[Path]:
    """Return the images below a folder, sorted; other files and hidden ones are no images.

    Folders that cannot be read have none; `read_tree` refuses them.
    """
    return sorted(Path(top) / name for top, _, names in walk(folder) for name in names if is_image(name))


def read_tree(path: Path, *, names_alone: bool = False) -> Tree:
    """Return all images below a folder or in an archive, and count what else there is.

    Args:
        names_alone: read no image's bytes.

    Raises:
        UserError: something points outside, is a link in an archive, damaged, missing, or cannot be read.
    """
    if not path.exists():
        raise UserError(f"{path} is missing. Put the images there or mend the dataset's `path`.")
    if not path.is_dir() and not is_archive(path):
        raise UserError(
            f"{path} is a file, and none of the archives that are read ({', '.join(ARCHIVES)}). Name a "
            "folder of images, or unpack the file and name what was in it."
        )
    read = _read_folder if path.is_dir() else _read_archive
    tree = read(path, names_alone)
    folders = tree.folders | {str(parent) for name in tree.images for parent in PurePosixPath(name).parents}
    return Tree(dict(sorted(tree.images.items())), folders - {"."}, tree.left_out)


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


def walk(folder: Path, left_out: LeftOut | None = None) -> Iterator[tuple[str, list[str], list[str]]]:
    """Yield every folder below one, with the names of its folders and files; hidden ones do not count.

    Args:
        left_out: where hidden files and folders are counted. None: nowhere, and folders that cannot be read
            are passed over.

    Raises:
        UserError: a folder cannot be read.
    """

    def refuse(error: OSError) -> None:
        if left_out is not None:
            raise UserError(
                f"{error.filename} could not be read: {error.strerror}. Give yourself the right to read "
                "it, or move it elsewhere."
            )

    for top, folders, names in os.walk(folder, onerror=refuse):
        if left_out is not None:
            for name in folders:
                if reason := _hides(name):
                    left_out.add(f"folder {name}", reason, f"{top}/{name}")
            for name in names:
                if _is_hidden_image(name):
                    left_out.add("hidden", HIDDEN, f"{top}/{name}")
        folders[:] = [name for name in folders if not _hides(name)]
        yield top, folders, [name for name in names if not _is_of_system(name)]


def count_others(top: str, names: list[str], left_out: LeftOut) -> None:
    """Count the files of a folder that are no images by their names."""
    for name in names:
        if not is_image(name):
            path = Path(top, name)
            left_out.add(*why_no_image(name, _head(path)), str(path))


def _head(path: Path) -> bytes:
    """Return the first bytes of a file; none where it cannot be read, or is no file."""
    try:
        with path.open("rb") as file:
            return file.read(HEAD) if path.is_file() else b""
    except OSError:
        return b""


def _is_of_system(name: str) -> bool:
    """Return whether a file is hidden, or one that Windows puts into every folder."""
    return name.startswith(".") or name.lower() in ("thumbs.db", "desktop.ini")


def _is_hidden_image(name: str) -> bool:
    """Return whether a hidden file may be an image of a person: macOS puts a ._1.png beside each 1.png."""
    return name.startswith(".") and not name.startswith("._") and is_image(name)


def _hides(name: str) -> str:
    """Return why a folder of this name does not count; nothing where it does."""
    return OF_SYSTEMS.get(name.lower(), "") or (HIDDEN if name.startswith(".") else "")


def _read_folder(root: Path, names_alone: bool) -> Tree:
    tree = Tree({}, set())
    for top, folders, names in walk(root, tree.left_out):
        for path in (Path(top) / name for name in folders):
            if path.is_symlink():
                raise UserError(f"{path} is a link to a folder. Put the images into the folder itself.")
            tree.folders.add(path.relative_to(root).as_posix())
        count_others(top, names, tree.left_out)
    for path in image_files(root):
        inside(root, path, str(path))
        try:
            content = b"" if names_alone else path.read_bytes()
        except OSError as error:
            raise UserError(f"{path} could not be read: {error.strerror}. Mend or remove it.") from error
        tree.images[path.relative_to(root).as_posix()] = content
    return tree


@dataclass(frozen=True)
class _Member:
    """A folder or file of an archive; `read` gives its first bytes, or with None all of them."""

    name: str
    is_folder: bool
    read: Callable[[int | None], bytes]


def _read_archive(path: Path, names_alone: bool) -> Tree:
    """Return what an archive holds; one folder around everything is left away."""
    images: dict[str, bytes] = {}
    folders: set[str] = set()
    left_out, known = LeftOut(), set[tuple[str, str, str]]()
    with _damage_said(path):
        # By its content, and a tar file whose last member is a zip file ends as one. A zip file that was
        # cut is none by its content: its ending says what it was.
        is_zip = not _is_tar(path) and (path.suffix.lower() == ".zip" or zipfile.is_zipfile(path))
        for member in _zip_members(path) if is_zip else _tar_members(path):
            parts = [part for part in PurePosixPath(member.name).parts if part != "."]
            name = "/".join(parts)
            if not parts:
                continue
            if hidden := _hidden_folder(parts, member):
                if hidden not in known:
                    known.add(hidden)
                    left_out.add(*hidden)
            elif member.is_folder:
                folders.add(name)
            elif _is_of_system(parts[-1]):
                if _is_hidden_image(parts[-1]):
                    left_out.add("hidden", HIDDEN, name)
            elif not is_image(name):
                left_out.add(*why_no_image(name, member.read(HEAD)), name)
            else:
                if name in images:  # as when it is unpacked, the last one stays
                    kind = PurePosixPath(name).suffix.lower()
                    left_out.add(kind, "another one of the same name comes later in the archive", name)
                images[name] = b"" if names_alone else member.read(None)
    around = _folder_around(images)
    return Tree(
        {name.removeprefix(around): content for name, content in images.items()},
        {name.removeprefix(around) for name in folders if name.startswith(around)},
        left_out,
    )


@contextmanager
def _damage_said(path: Path) -> Iterator[None]:
    """Within it, whatever reading an archive raises becomes a sentence that names it."""
    try:
        yield
    except (UserError, PermissionError):
        raise
    except (RuntimeError, NotImplementedError) as error:
        raise UserError(f"{path} cannot be read: {error}. Pack it again without that.") from error
    except Exception as error:  # Python's readers of archives raise anything on damaged bytes
        raise UserError(f"{path} is damaged: {_reason(error)}. Replace it.") from error


def _reason(error: Exception) -> str:
    """Return in one line why an archive is damaged."""
    if not str(error):
        return "it ends too early"
    text = one_line(error)
    if "could not be opened successfully" in text:  # a line for each compression that it is not
        return "it is no tar file, or only a part of one"
    if "not a zip file" in text:
        return "it is no zip file, or only the beginning of one"
    return text


def _hidden_folder(parts: list[str], member: _Member) -> tuple[str, str, str] | None:
    """Return the folder that hides a member, as it is counted: what it is, why, and where."""
    for depth, part in enumerate(parts if member.is_folder else parts[:-1], 1):
        if reason := _hides(part):
            return f"folder {part}", reason, "/".join(parts[:depth])
    return None


def _zip_members(path: Path) -> Iterator[_Member]:
    with zipfile.ZipFile(path) as archive:
        size = path.stat().st_size
        if sum(member.file_size for member in archive.infolist()) > most_unpacked(size):
            raise too_much(path, size)
        for member in archive.infolist():
            _check_member(path, member.filename, stat.S_IFMT(member.external_attr >> 16) not in KINDS)
            # Some programs of Windows write their own separator, which the format does not know.
            name = member.filename.replace("\\", "/")
            yield _Member(name, name.endswith("/"), partial(_of_zip, archive, member))


def _of_zip(archive: zipfile.ZipFile, member: zipfile.ZipInfo, count: int | None) -> bytes:
    if count is None:
        return archive.read(member)
    with archive.open(member) as file:
        return file.read(count)


def _tar_members(path: Path) -> Iterator[_Member]:
    size, told = path.stat().st_size, 0
    with unpacking(path) as archive:
        for member in archive:
            _check_member(path, member.name, not (member.isfile() or member.isdir()))
            told += member.size  # of a sparse file more than the stream holds
            if told > most_unpacked(size):
                raise too_much(path, size)
            yield _Member(member.name, member.isdir(), partial(_of_tar, archive, member))
        # Compressed ones that were cut say so themselves. A plain one ends with empty blocks, which Python
        # does not miss.
        if not _unpacker(path):
            archive.fileobj.seek(archive.offset)
            if archive.fileobj.read(tarfile.BLOCKSIZE) != bytes(tarfile.BLOCKSIZE):
                raise EOFError("its end is missing")


def _unpacker(path: Path) -> Callable[..., Any] | None:
    """Return what unpacks a file, by its first bytes; None of one that is not packed."""
    with path.open("rb") as file:
        head = file.read(6)
    return next((opens for begins, opens in _UNPACKERS.items() if head.startswith(begins)), None)


def _is_tar(path: Path) -> bool:
    """Return whether a file begins as a tar file, packed or not."""
    if _unpacker(path):
        return True
    try:
        with path.open("rb") as file:
            tarfile.TarInfo.frombuf(file.read(tarfile.BLOCKSIZE), "utf-8", "surrogateescape")
    except (tarfile.HeaderError, UnicodeError):
        return False
    return True


_UNPACKERS: dict[bytes, Callable[..., Any]] = {
    b"\x1f\x8b": gzip.open,
    b"BZh": bz2.open,
    b"\xfd7zXZ\x00": lzma.open,
}


@contextmanager
def unpacking(path: Path) -> Iterator[tarfile.TarFile]:
    """Open a tar file, packed or not, that ends with a sentence where it holds more than images can be."""
    opens = _unpacker(path)
    with (opens or open)(path, "rb") as stream:
        bounded: Any = Bounded(stream, path, path.stat().st_size)
        with tarfile.open(fileobj=bounded, mode="r:") as archive:
            yield archive
        while opens and bounded.read(1 << 20):  # the check sum of what was packed stands at its end
            pass


def _of_tar(archive: tarfile.TarFile, member: tarfile.TarInfo, count: int | None) -> bytes:
    file = archive.extractfile(member)
    return b"" if file is None else file.read() if count is None else file.read(count)


def _check_member(path: Path, name: str, is_link: bool) -> None:
    parts = re.split(r"[/\\]", name)
    if name.startswith(("/", "\\")) or ".." in parts or re.match(r"[A-Za-z]:", name):
        raise UserError(f"{path}: its member {name!r} points outside of the archive. Pack it again.")
    if is_link:
        raise UserError(f"{path}: its member {name!r} is a link or device. Pack the images themselves.")


def _folder_around(images: dict[str, bytes]) -> str:
    """Return "flowers/" if all images lie in flowers/<class>/, as when a folder was packed; else ""."""
    tops = {PurePosixPath(name).parts[0] for name in images}
    if len(tops) != 1 or any(map(split_of, tops)):
        return ""
    return f"{tops.pop()}/" if all(len(PurePosixPath(name).parts) > 2 for name in images) else ""
