"""The formats of official image sets: tar archives, MATLAB files, lists in text. All are read with care."""

import io
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

import numpy as np

from jointnn.data.archives import unpacking
from jointnn.data.source import Images
from jointnn.errors import UserError, one_line

REPLACE = "Replace it by the official one."


class Listed(NamedTuple):
    """A line of an official list.

    Attributes:
        image: the image's path in its archive or folder.
        label: its class, from 0.
        place: the line, for messages: "images.txt, line 3".
    """

    image: str
    label: int
    place: str


def tar_files(archive: Path, suffixes: tuple[str, ...]) -> dict[str, bytes]:
    """Return the files of a tar archive, packed or not, by their path in it. Nothing is written to disk.

    Args:
        suffixes: only files whose names end so are read.

    Raises:
        UserError: the archive is damaged.
    """
    found = {}
    try:
        with unpacking(archive) as members:
            for member in members:
                parts = [part for part in PurePosixPath(member.name).parts if part != "."]
                content = members.extractfile(member) if member.isfile() else None
                # macOS packs a hidden file ._x beside each x.
                if content and parts[-1].endswith(suffixes) and not parts[-1].startswith("."):
                    found["/".join(parts)] = content.read()
    except (UserError, PermissionError):
        raise
    except Exception as error:  # as in `archives`
        raise UserError(f"{archive} is damaged: {one_line(error)}. {REPLACE}") from error
    return found


def needed(files: dict[str, bytes], name: str, archive: Path) -> bytes:
    """Return the content of one of an archive's files. Refuse an archive without it."""
    if name not in files:
        raise UserError(f"{archive} holds no {name}. {REPLACE}")
    return files[name]


def lines_of(content: bytes, where: str) -> Iterator[tuple[str, str]]:
    """Yield (place, line) of each line of a text that is not empty."""
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        raise UserError(f"{where} is no text: {error}. {REPLACE}") from error
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            yield f"{where}, line {number}", line.strip()


def pairs_of(content: bytes, where: str) -> Iterator[tuple[str, str, str]]:
    """Yield (place, key, value) of each line `key value`; the value may hold spaces."""
    for place, line in lines_of(content, where):
        key, _, value = line.partition(" ")
        if not value.strip():
            raise UserError(
                f"{place}: {line!r} is not a name and its value with a space between. {REPLACE}"
            )
        yield place, key, value.strip()


def whole_number(value: Any, place: str) -> int:
    """Return a value of a list as an int. Refuse one that is no whole number."""
    try:
        if int(value) == float(value):
            return int(value)
    except (TypeError, ValueError):
        pass
    raise UserError(f"{place}: {value!r} is no whole number. {REPLACE}")


def read_mat(content: bytes, where: str, *names: str) -> list[np.ndarray]:
    """Return variables of a MATLAB file (up to version 7.2), each as an array of one axis.

    Raises:
        UserError: the file is damaged or has no such variable.
    """
    from scipy.io import loadmat

    try:
        variables = loadmat(io.BytesIO(content), squeeze_me=True)
    except Exception as error:  # scipy's reader raises anything on damaged bytes
        raise UserError(f"{where} is no sound MATLAB file: {one_line(error)}. {REPLACE}") from error
    for name in names:
        if name not in variables:
            known = ", ".join(key for key in variables if not key.startswith("__")) or "none"
            raise UserError(f"{where} has no variable {name!r}; it has {known}. {REPLACE}")
    return [np.atleast_1d(variables[name]).reshape(-1) for name in names]


def gather(listed: Sequence[Listed], content_of: Callable[[str], bytes | None], where: Path) -> Images:
    """Return the listed images, in the order of the list.

    Args:
        content_of: gives an image's bytes by its path, None if there is no such image.
        where: the archive or folder, for messages.

    Raises:
        UserError: an image is listed but absent.
    """
    images = Images()
    for image, label, place in listed:
        content = content_of(image)
        if content is None:
            raise UserError(f"{place} names {image}, which is not in {where}. Add it, or {REPLACE.lower()}")
        images.add(content, label, image, f"{where}: {image}")
    return images
