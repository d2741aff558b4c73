"""CUB, Dogs, Flowers and Aircraft in small: archives and MATLAB files in the official format."""

import hashlib
import io
import tarfile
from dataclasses import replace

import numpy as np
from scipy.io import savemat

from helpers.dataset import write
from jointnn.data.sources import fine_grained

DOWNLOADS = "data/downloads"
FILES = {
    "cub_200_2011": "CUB",
    "stanford_dogs": "DOGS",
    "flowers_102": "FLOWERS",
    "fgvc_aircraft": "AIRCRAFT",
}
"""Where the official files of a source are declared in fine_grained.py."""


def archive(files: dict[str, bytes | str], mode: str) -> bytes:
    """A tar file; a link, a folder and a Mac's hidden file lie in it too, as in archives from life."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode=mode) as tar:
        for name, text in ({"._x.jpg": b"a Mac's"} | files).items():
            content = text.encode() if isinstance(text, str) else text
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        for name, kind in (("link.jpg", tarfile.SYMTYPE), ("folder.jpg", tarfile.DIRTYPE)):
            member = tarfile.TarInfo(name)
            member.type = kind
            tar.addfile(member)
    return buffer.getvalue()


def mat(**variables) -> bytes:
    buffer = io.BytesIO()
    savemat(buffer, variables)
    return buffer.getvalue()


def cells(values: list) -> np.ndarray:
    """A column of cells, as MATLAB keeps texts."""
    column = np.empty((len(values), 1), object)
    column[:, 0] = values
    return column


def place(source: str, monkeypatch, *contents: bytes) -> None:
    """Put files in the place of a source's official ones, in their order, and let their sums hold."""
    official = []
    for file, content in zip(getattr(fine_grained, FILES[source]), contents, strict=True):
        write(f"{DOWNLOADS}/{source}/{file.name}", content)
        official.append(replace(file, checksum=hashlib.sha256(content).hexdigest()))
    monkeypatch.setattr(fine_grained, FILES[source], official)
