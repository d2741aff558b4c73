"""Folders of images: what lies below one, what of it counts, and what systems put between."""

import os
import re
from collections.abc import Collection, Iterable, Iterator
from pathlib import Path, PurePosixPath

from jointnn.data.class_names import letters
from jointnn.data.image_formats import HEAD, is_image, why_no_image
from jointnn.data.left_out import LeftOut
from jointnn.data.regular_files import kind_of
from jointnn.errors import UserError, reason_of, unreadable

_MADE_BY = {
    "thumbnails": ["@eadir", "@__thumb", "thumbnails", "_thumbnails"],
    "the bin of a network drive": ["@recycle", "#recycle", "@recently-deleted", "network trash folder"],
    "copies of a network drive": [
        "#snapshot", "~snapshot", "@recently-snapshot", "@sharesnap", "@snapshot"
    ],
    "of a network drive": [
        "@tmp", "@synoresource", "@appstore", "@appconf", "@appdata", "@apphome", "@apptemp", "@appshare",
        "@autoupdate", "@cloudsync", "@database", "@docker", "@download", "@iscsi", "@optware", "@spool",
        "@quarantine", "@sharebin", "@synodrive", "@synologydrive", "@upload_tmp", "@userpreference",
    ],
    "the bin of Windows": ["$recycle.bin"],
    "of Windows": [
        "system volume information", "$extend", "$sysreset", "$winreagent", "$windows.~bt", "$windows.~ws",
        "windowsimagebackup",
    ],
    "of a disk": ["lost+found", "$orphanfiles"],
    "of macOS": ["__macosx", "temporary items", "thevolumesettingsfolder"],
    "of Python": ["__pycache__"],
    "of a program that copies folders": ["_gsdata_", "_vti_cnf", "_vti_pvt", "_vti_txt"],
}  # fmt: skip
OF_SYSTEMS = {name: maker for maker, names in _MADE_BY.items() for name in names}
"""Folders that systems put between those of a person, in small letters, and what they are. A class may
begin with @, as the name of an account does: so each is known by its whole name."""
_FOUND_BY_CHKDSK = re.compile(r"found\.\d{3}")
HIDDEN = "names that begin with a dot"
FILE, FOLDER = "file", "folder"


def image_files(folder: Path, others: list[str] | None = None, meant: Collection[str] = ()) -> list[Path]:
    """Return the images below a folder, sorted; other files and hidden ones are no images.

    Folders that cannot be read have none; `read_tree` refuses them.

    Args:
        others: the paths of what is left out are added to it.
        meant: names of folders that count, whatever systems call so.
    """
    found = []
    for top, _, names in walk(folder, others=others, meant=meant):
        found += [f"{top}/{name}" for name in names if is_image(name)]
        if others is not None:
            others += [f"{top}/{name}" for name in names if not is_image(name)]
    return sorted(map(Path, found))


def names_beside(folder: Path, used: Iterable[Path]) -> tuple[str, ...]:
    """Return the names of all below a folder that is none of the files `used`, as far as it is counted."""
    others, taken = list[str](), set(map(str, used))
    for top, _, names in walk(folder, others=others):
        others += [f"{top}/{name}" for name in names]
    return tuple(sorted(name for name in others if name.removeprefix("./") not in taken))


def inside(folder: Path, path: Path, place: str) -> Path:
    """Return `path`. Refuse one that leads out of `folder` by .. or a link; messages name it `place`."""
    try:
        leads_out = not path.resolve().is_relative_to(folder.resolve())
    except (OSError, RuntimeError, ValueError) as error:  # links in a circle, a name with a NUL
        reason = reason_of(error) if isinstance(error, OSError) else error
        raise UserError(f"{place!r} can be the name of no file: {reason}. Mend it.") from error
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


def walk(
    folder: Path,
    left_out: LeftOut | None = None,
    others: list[str] | None = None,
    meant: Collection[str] = (),
) -> Iterator[tuple[str, list[str], list[str]]]:
    """Yield every folder below one, with the names of its folders and files; hidden ones do not count.

    Nor does what is no regular file: who reads a pipe waits for ever. Links to folders are among the
    folders, and are not followed.

    Args:
        left_out: where that is counted. None: nowhere, and folders that cannot be read are passed over.
        others: the paths of what is counted are added to it.
        meant: names of folders that count, whatever systems call so.

    Raises:
        UserError: a folder cannot be read.
    """
    waiting = [os.fspath(folder)]
    while waiting:
        top = waiting.pop()
        folders, names, inner = [], [], []
        for entry in _entries(top, refuses=left_out is not None):
            name, kind = entry.name, _kind(entry)
            counted: tuple[str, str] | None = None
            if kind == FOLDER:
                if reason := hides(name, meant):
                    counted = f"folder {name}", reason
                else:
                    folders.append(name)
                    if not entry.is_symlink():
                        inner.append(entry.path)
            elif kind != FILE:
                counted = kind, "no regular file"
            elif name.startswith(".") and name.endswith(".icloud"):
                counted = ".icloud", "in the cloud; download them"
            elif is_hidden_image(name):
                counted = "hidden", HIDDEN
            elif not is_of_system(name):
                names.append(name)
            if counted and left_out is not None:
                left_out.add(*counted, entry.path)
            if counted and others is not None:
                others.append(entry.path)
        yield top, folders, names
        waiting += reversed(inner)


def _entries(folder: str, *, refuses: bool) -> "list[os.DirEntry[str]]":
    """Return what a folder holds, in the order of names: which one is told of is the same everywhere."""
    try:
        with os.scandir(folder) as found:
            return sorted(found, key=lambda entry: entry.name)
    except OSError as error:
        if refuses:
            raise unreadable(folder, error) from error
        return []


def _kind(entry: "os.DirEntry[str]") -> str:
    """Return what lies there, or what the link there leads to; a link that leads nowhere is a file, which
    cannot be read.
    """
    try:
        if entry.is_file():
            return FILE
        if entry.is_dir():
            return FOLDER
        return kind_of(entry.stat().st_mode)
    except OSError:
        return FILE


def count_others(top: str, names: list[str], left_out: LeftOut) -> None:
    """Count the files of a folder that are no images by their names."""
    for name in names:
        if not is_image(name):
            path = Path(top, name)
            left_out.add(*why_no_image(name, _head(path)), str(path))


def _head(path: Path) -> bytes:
    """Return the first bytes of a file; none where it cannot be read."""
    try:
        with path.open("rb") as file:
            return file.read(HEAD)
    except OSError:
        return b""


def is_of_system(name: str) -> bool:
    """Return whether a file is hidden, or one that Windows puts into every folder."""
    return name.startswith(".") or name.lower() in ("thumbs.db", "desktop.ini")


def is_hidden_image(name: str) -> bool:
    """Return whether a hidden file may be an image of a person: macOS puts a ._1.png beside each 1.png."""
    return name.startswith(".") and not name.startswith("._") and is_image(name)


def hides(name: str, meant: Collection[str]) -> str:
    """Return why a folder of this name does not count; nothing where it does."""
    if letters(name) in meant:
        return ""
    if name.startswith("."):
        return HIDDEN
    small = name.lower()
    if name == "RECYCLER":  # of Windows XP; Recycler can be a class
        return "the bin of Windows"
    return OF_SYSTEMS.get(small, "") or ("of a disk" if _FOUND_BY_CHKDSK.fullmatch(small) else "")
