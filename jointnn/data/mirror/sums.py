"""The Parquet files of a mirror's folder, and what is known of those that results rest on."""

import hashlib
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from jointnn.data.images import decode
from jointnn.data.parquet import from_parquet, to_parquet
from jointnn.data.source import Images

ROWS = 1000
"""Rows of a row group."""
FILE = Path(__file__).with_name("checksums.json")


@dataclass(frozen=True)
class Sums:
    """Known size and digests of one Parquet file.

    Attributes:
        images: how many it holds.
        bytes: its size.
        sha256: of the file that the results pages rest on.
        pixels: digest of what is in that file, whoever encoded it (`pixel_digest`).
        built: SHA-256 of what the recipe gives; None where nobody has seen it yet.
    """

    images: int
    bytes: int
    sha256: str
    pixels: str
    built: str | None


@cache
def known() -> dict[str, dict[str, Sums]]:
    """Return the known sizes and digests of the Parquet files, by folder and split."""
    listed = json.loads(FILE.read_text(encoding="utf-8"))
    return {name: {split: Sums(**sums) for split, sums in of.items()} for name, of in listed.items()}


def mirror_parquet(images: Images, classes: list[str]) -> bytes:
    """Return a Parquet file of the mirror. Equal images give equal bytes under one version of pyarrow."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    table = pq.read_table(pa.BufferReader(to_parquet(images, classes)))
    buffer = pa.BufferOutputStream()
    # Every setting that decides bytes is said, though most are pyarrow's own, which may change.
    pq.write_table(
        table,
        buffer,
        version="2.6",
        data_page_version="1.0",
        compression="zstd",
        compression_level=1,
        use_dictionary=True,
        write_statistics=True,
        row_group_size=ROWS,
    )
    written: bytes = buffer.getvalue().to_pybytes()
    return written


def pixel_digest(content: bytes, where: str) -> str:
    """Return the SHA-256 of a Parquet file's class names, and of the label and pixels of each row.

    Versions of Pillow and pyarrow that encode the same images otherwise do not change it.
    """
    images, classes = from_parquet(content, where)
    digest = hashlib.sha256(json.dumps(classes).encode())
    for encoded, label, place in zip(images.content, images.labels, images.places, strict=True):
        pixels = np.asarray(decode(encoded, place))
        digest.update(f"{label} {pixels.shape} {pixels.dtype}\n".encode())
        digest.update(pixels.tobytes())
    return digest.hexdigest()
