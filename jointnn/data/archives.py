"""All images of a folder or of a zip or tar file, which is not unpacked. Nothing outside is read, and what
lies inside and is no image is counted."""

import bz2
import gzip
import lzma
import re
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from jointnn.data.bounds import Bounded, most_unpacked, too_much
from jointnn.data.folders import HIDDEN, count_others, hides, inside, is_hidden_image, is_of_system, walk
from jointnn.data.image_formats import HEAD, is_image, why_no_image
from jointnn.data.left_out import LeftOut
from jointnn.data.regular_files import read_regular, refuse_special
from jointnn.data.structure import split_of
from jointnn.errors import UserError, one_line, short, unreadable

ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz")
_SAYS_UTF_8 = 0x800
_UNICODE_PATH = 0x7075
KINDS = (0, stat.S_IFREG, stat.S_IFDIR)
"""Kinds of a member of a zip file: a file or folder, or 0 where the program said nothing of it."""


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


def is_zip(path: Path) -> bool:
    """Return whether an archive is a zip file, by its content: whatever its ending says.

    A tar file whose last member is a zip file ends as one. A zip file that was cut is none by its content:
    its ending says what it was.
    """
    return not _is_tar(path) and (path.suffix.lower() == ".zip" or zipfile.is_zipfile(path))


def read_tree(path: Path, *, names_alone: bool = False, meant: Collection[str] = ()) -> Tree:
    """Return all images below a folder or in an archive, with counts of all else there.

    Args:
        names_alone: read no image's bytes.
        meant: names of folders that count, whatever systems call so.

    Raises:
        UserError: something points outside, is a link in an archive, damaged, missing, or cannot be read.
    """
    if not path.exists():
        if around := next((of for of in path.parents if of.is_file()), None):
            raise UserError(
                f"{path} cannot be read: {around} is a file, and no folder in it can be named. Name the "
                "file, or unpack it and name the folder."
            )
        raise UserError(f"{path} is missing. Put the images there or mend the dataset's `path`.")
    if not path.is_dir() and not is_archive(path):
        raise UserError(
            f"{path} is a file, and none of the archives that are read ({', '.join(ARCHIVES)}). Name a "
            "folder of images, or unpack the file and name what was in it."
        )
    if not path.is_dir():
        refuse_special(path)
    read = _read_folder if path.is_dir() else _read_archive
    tree = read(path, names_alone, meant)
    folders = tree.folders | {str(parent) for name in tree.images for parent in PurePosixPath(name).parents}
    return Tree(dict(sorted(tree.images.items())), folders - {"."}, tree.left_out)


def _read_folder(root: Path, names_alone: bool, meant: Collection[str]) -> Tree:
    tree, images = Tree({}, set()), list[Path]()
    for top, folders, names in walk(root, tree.left_out, meant=meant):
        for path in (Path(top) / name for name in folders):
            if path.is_symlink():
                raise UserError(f"{path} is a link to a folder. Put the images into the folder itself.")
            tree.folders.add(path.relative_to(root).as_posix())
        count_others(top, names, tree.left_out)
        images += [Path(top) / name for name in names if is_image(name)]
    for path in sorted(images):
        inside(root, path, str(path))
        try:
            content = b"" if names_alone else read_regular(path)
        except OSError as error:
            raise unreadable(path, error) from error
        tree.images[path.relative_to(root).as_posix()] = content
    return tree


@dataclass(frozen=True)
class _Member:
    """A folder or file of an archive; `read` gives its first bytes, or with None all of them."""

    name: str
    is_folder: bool
    read: Callable[[int | None], bytes]


def _read_archive(path: Path, names_alone: bool, meant: Collection[str]) -> Tree:
    """Return the contents of an archive. A single folder around everything is dropped from the paths."""
    images: dict[str, bytes] = {}
    folders: set[str] = set()
    left_out, known = LeftOut(), set[tuple[str, str, str]]()
    with _damage_said(path):
        for member in _zip_members(path) if is_zip(path) else _tar_members(path):
            parts = [part for part in PurePosixPath(member.name).parts if part != "."]
            name = "/".join(parts)
            if not parts:
                continue
            if hidden := _hidden_folder(parts, member, meant):
                if hidden not in known:
                    known.add(hidden)
                    left_out.add(*hidden)
            elif member.is_folder:
                folders.add(name)
            elif is_of_system(parts[-1]):
                if is_hidden_image(parts[-1]):
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
    """Turn every error of reading an archive into a sentence that names the archive."""
    try:
        yield
    except (UserError, PermissionError):
        raise
    except RuntimeError as error:
        raise UserError(f"{path} cannot be read: {error}. Pack it again without that.") from error
    except Exception as error:  # Python's readers of archives raise anything on damaged bytes
        raise UserError(f"{path} is damaged: {_reason(error)}. Replace it.") from error


def _reason(error: Exception) -> str:
    """Return the reason why an archive is damaged, in one line."""
    if not str(error):
        return "it ends too early"
    text = one_line(error)
    if "could not be opened successfully" in text:  # a line for each compression that it is not
        return "it is no tar file, or only a part of one"
    if "not a zip file" in text:
        return "it is no zip file, or only the beginning of one"
    return text


def _hidden_folder(
    parts: list[str], member: _Member, meant: Collection[str]
) -> tuple[str, str, str] | None:
    """Return the folder that hides a member: its kind, the reason and its path; None if none does."""
    for depth, part in enumerate(parts if member.is_folder else parts[:-1], 1):
        if reason := hides(part, meant):
            return f"folder {part}", reason, "/".join(parts[:depth])
    return None


def _zip_members(path: Path) -> Iterator[_Member]:
    with zipfile.ZipFile(path) as archive:
        size = path.stat().st_size
        if sum(member.file_size for member in archive.infolist()) > most_unpacked(size):
            raise too_much(path, size)
        for member in archive.infolist():
            name = _name_in_zip(member)
            _check_member(path, name, stat.S_IFMT(member.external_attr >> 16) not in KINDS)
            # Some programs of Windows write their own separator, which the format does not know.
            name = name.replace("\\", "/")
            yield _Member(name, name.endswith("/"), partial(_of_zip, archive, member))


def _name_in_zip(member: zipfile.ZipInfo) -> str:
    """Return the name of a member: of UTF-8 also where a packer wrote that and did not say so.

    Python reads what says nothing as code page 437, in which Vögel would become V├╢gel.
    """
    name = member.filename
    if member.flag_bits & _SAYS_UTF_8:
        return name
    if told := _unicode_path(member):
        return told
    if name.isascii():
        return name
    try:
        return name.encode("cp437").decode("utf-8")
    except UnicodeError:
        return name


def _unicode_path(member: zipfile.ZipInfo) -> str:
    """Return the name in UTF-8 that some packers keep beside one in the computer's own encoding.

    Source: APPNOTE.TXT 4.6.9, the extra field 0x7075. It holds the CRC of the other name, which must agree.
    Python reads it by itself from 3.12 on.
    """
    fields = member.extra
    while len(fields) >= 4:
        kind, size = struct.unpack("<HH", fields[:4])
        content, fields = fields[4 : 4 + size], fields[4 + size :]
        if kind == _UNICODE_PATH and len(content) > 5 and content[0] == 1:
            of_name = zlib.crc32(member.orig_filename.encode("cp437", "replace"))
            if int.from_bytes(content[1:5], "little") == of_name:
                with suppress(UnicodeDecodeError):
                    return content[5:].decode("utf-8")
    return ""


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
    """Return the function that unpacks a file, chosen by its first bytes; None if it is not packed."""
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
    if name.startswith(("/", "\\")) or ".." in parts or re.match(r"[A-Za-z]:[/\\]", name):
        raise UserError(f"{path}: its member {short(name)!r} points outside of the archive. Pack it again.")
    if is_link:
        raise UserError(
            f"{path}: its member {short(name)!r} is a link or device. Pack the images themselves."
        )


def _folder_around(images: dict[str, bytes]) -> str:
    """Return "flowers/" if all images lie in flowers/<class>/, as when a folder was packed; else ""."""
    tops = {PurePosixPath(name).parts[0] for name in images}
    if len(tops) != 1 or any(map(split_of, tops)):
        return ""
    return f"{tops.pop()}/" if all(len(PurePosixPath(name).parts) > 2 for name in images) else ""
