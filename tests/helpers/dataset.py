"""Small datasets on disk for the tests of sources and stages."""

import hashlib
import os
from pathlib import Path

import numpy as np
import pytest

from jointnn.data.images import decode, encode_png
from jointnn.data.parquet import to_parquet
from jointnn.data.schema import DatasetParams
from jointnn.data.selection import arrange
from jointnn.data.source import Images, source_of
from jointnn.errors import UserError

ROOT = Path(__file__).parents[2]
MIRROR = Path(os.environ.get("JOINTNN_MIRROR", ROOT.parent / "shared" / "data"))
NO_NETWORK = "http://127.0.0.1:1/"


def picture(value: int) -> bytes:
    return encode_png(np.full((5, 4), value, np.uint8))


def write(path: str, content: bytes | str) -> Path:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_bytes(content if isinstance(content, bytes) else content.encode())
    return Path(path)


def read(name: str = "own", **fields) -> tuple[Images, Images, list[str]]:
    params = DatasetParams(**fields)
    return arrange(source_of(params).read(), params, name)


def pixels(images: Images) -> list[int]:
    return [int(np.asarray(decode(c, p))[0, 0]) for c, p in zip(images.content, images.places, strict=True)]


def two_classes(root: str) -> None:
    for split, start in (("train", 0), ("test", 100)):
        for i, name in enumerate(["cat", "cat", "dog", "dog"]):
            write(f"{root}/{split}/{name}/{i}.png", picture(start + i))


def refused(message: str, **fields) -> None:
    with pytest.raises(UserError) as error:
        read(**fields)
    assert message in str(error.value), error.value


def parquet(labels: list[int], classes: list[str]) -> bytes:
    images = Images()
    for i, label in enumerate(labels):
        images.add(picture(i), label, f"{i}.png", "")
    return to_parquet(images, classes)


def md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


def colours(count: int, seed: int) -> np.ndarray:
    """Pixels (N, 32, 32, 3) that no exchange of axes or channels leaves as they are."""
    return np.random.default_rng(seed).integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)


def decoded(images: Images) -> np.ndarray:
    return np.stack([np.asarray(decode(content, "")) for content in images.content])
