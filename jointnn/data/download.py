"""Official files from the net: broken downloads go on, and nothing is in place that was not checked."""

import errno
import fcntl
import hashlib
import os
import shutil
from dataclasses import dataclass
from http.client import HTTPException
from pathlib import Path
from typing import BinaryIO
from urllib.error import HTTPError
from urllib.request import Request, urlopen

from jointnn.errors import UnwrittenError, UserError, reason_of, remedy_of

DOWNLOADS = Path("data/downloads")
OF_THE_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
PATIENCE = 60  # seconds without a byte


@dataclass(frozen=True)
class OfficialFile:
    """A file as its authors offer it.

    Attributes:
        name: its name in the folder of its source.
        url: where it is downloaded from.
        checksum: its MD5, 32 hexadecimal digits, or its SHA-256, 64.
    """

    name: str
    url: str
    checksum: str

    @property
    def algorithm(self) -> str:
        """Return the kind of the checksum, as hashlib calls it."""
        return "md5" if len(self.checksum) == 32 else "sha256"

    def differs(self, path: Path) -> str | None:
        """Return in words how the checksum of the file at `path` differs; None if it does not."""
        with path.open("rb") as content:
            found = hashlib.file_digest(content, self._new).hexdigest()
        label = {"md5": "MD5", "sha256": "SHA-256"}[self.algorithm]
        return None if found == self.checksum else f"its {label} is {found}, not {self.checksum}"

    def _new(self) -> "hashlib._Hash":
        return hashlib.new(self.algorithm, usedforsecurity=False)


def obtain(file: OfficialFile, folder: Path) -> Path:
    """Return the path of an official file in `folder`, downloaded if it is not there.

    Raises:
        UserError: another file is in its place, or it could not be downloaded.
    """
    path = folder / file.name
    if not path.exists():
        _download(file, path)
    elif difference := file.differs(path):
        raise UserError(
            f"{path} is not the official file: {difference}. Delete it, and it will be downloaded "
            "again, or place the official one there."
        )
    return path


def _download(file: OfficialFile, path: Path) -> None:
    """Download a file beside its place, check it, then put it there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")
    with part.open("ab") as out:
        # Two datasets of one source are fetched by two jobs: one of them downloads.
        fcntl.flock(out, fcntl.LOCK_EX)
        if path.exists():
            return
        try:
            _append_rest(file.url, out)
        except (OSError, HTTPException) as error:
            if isinstance(error, OSError) and error.errno in OF_THE_DISK:
                raise UnwrittenError(
                    f"{part} could not be written: {reason_of(error)}. {remedy_of(error)}; it goes on "
                    "where it broke off."
                ) from error
            source = path.parent.name
            raise UserError(
                f"{file.url} could not be downloaded: {_reason(error)}. Try again, and it goes on where "
                f"it broke off, or place the file at {path} yourself, or set JOINTNN_MIRROR to a folder "
                f"that holds {source}/train.parquet and {source}/test.parquet."
            ) from error
        if difference := file.differs(part):
            # Not deleted: a job that waits for the lock has opened it.
            out.truncate(0)
            raise UserError(
                f"What {file.url} gave is not the official file: {difference}. It was thrown away; try "
                f"again, or place the official one at {path} yourself."
            )
        part.replace(path)


def _append_rest(url: str, out: BinaryIO) -> None:
    """Append what of a download is missing in `out`; from the start if the server cannot go on."""
    there = out.seek(0, os.SEEK_END)
    headers = {"User-Agent": "jointnn"} | ({"Range": f"bytes={there}-"} if there else {})
    try:
        answer = urlopen(Request(url, headers=headers), timeout=PATIENCE)
    except HTTPError as error:
        if error.code == 416:  # nothing is left to send: whether it is all, the sum will tell
            return
        raise
    with answer:
        if answer.status != 206:
            out.truncate(0)
        shutil.copyfileobj(answer, out, 1 << 20)
        out.flush()
        if answer.length:
            raise ConnectionError(f"the connection broke off {answer.length} bytes before the end")


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()).rstrip(".") or type(error).__name__
