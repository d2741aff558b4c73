"""Regular files alone are read: who opens a pipe waits for ever, and a device may never end."""

import stat
from pathlib import Path

from jointnn.errors import UserError


def read_regular(path: Path) -> bytes:
    """Return the content of a file.

    Raises:
        OSError: it cannot be read.
        UserError: it is a pipe, a socket or a device.
    """
    refuse_special(path)
    return path.read_bytes()


def refuse_special(path: Path) -> None:
    """Refuse what is there and neither a file nor a folder.

    Raises:
        UserError: it is a pipe, a socket or a device.
    """
    if kind := special(path):
        raise UserError(f"{path} is a {kind}, and no regular file. Put the file itself there.")


def special(path: Path) -> str:
    """Return what a path leads to if it is neither a file nor a folder: "pipe"; else nothing."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):  # missing, too long, with a NUL: who reads it says so
        return ""
    return kind_of(mode)


def kind_of(mode: int) -> str:
    """Return what a file is by its mode: "pipe", "socket", "device", or nothing of files and folders."""
    if stat.S_ISREG(mode) or stat.S_ISDIR(mode):
        return ""
    return "pipe" if stat.S_ISFIFO(mode) else "socket" if stat.S_ISSOCK(mode) else "device"
