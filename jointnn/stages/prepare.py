"""prepare: the images of a dataset at one size, as arrays that training keeps in memory."""

import json
from typing import Any

import numpy as np

from jointnn.data.images import pixels_of
from jointnn.data.mirror_pairs import THUMBNAIL, pictures_of
from jointnn.data.parquet import from_parquet
from jointnn.data.source import Images
from jointnn.errors import UserError
from jointnn.io import files, paths
from jointnn.io.tensors import write_tensors
from jointnn.jobs.specs import PrepareJob


def run(job: PrepareJob) -> None:
    """Write data/prepared/<dataset>-<size>.safetensors and ...-<size>-test.safetensors.

    Each holds `images`, uint8 of shape (N, channels, size, size), and `labels`, int64 of shape
    (N,), in the order of the Parquet file, and a header: kind, dataset, split, size, channels,
    classes (a JSON list) and source. Where labels are numbers, `labels` is float32 of shape (N, K), and the
    header has their names under `numbers`. Training and validation are drawn from the first later, per
    seed; of a mirrored dataset it holds `pictures` too, int64 of shape (N,): which are one picture.

    Raises:
        UserError: a file is missing, damaged, or not the one that the manifest describes; or the
            dataset is mirrored, but no image in it is another's mirror image.
    """
    name, size, channels = job.dataset, job.size, job.channels
    manifest = files.read_json(f"{paths.raw(name)}/manifest.json", "classes", "origin", "splits")
    numbers = manifest.get("numbers", [])
    for split in ("train", "test"):
        images = read_raw(name, split, manifest)
        header = {
            "kind": "images",
            "dataset": name,
            "split": split,
            "size": size,
            "channels": channels,
            "classes": json.dumps(manifest["classes"], ensure_ascii=False),
            "source": manifest["origin"],
        }
        if numbers:
            header["numbers"] = json.dumps(numbers, ensure_ascii=False)
        arrays = {
            "images": to_pixels(images, size, channels, job.fit),
            "labels": (
                np.array(images.numbers, np.float32) if numbers else np.array(images.labels, np.int64)
            ),
        }
        if job.mirrored and split == "train":
            arrays["pictures"] = pictures_of(to_pixels(images, THUMBNAIL, 1, job.fit), name)
        write_tensors(paths.prepared(name, size, split == "test"), arrays, header)


def read_raw(name: str, split: str, manifest: dict[str, Any]) -> Images:
    """Return the fetched images of a split. Refuse a file other than the manifest's."""
    path = f"{paths.raw(name)}/{split}.parquet"
    content = files.read_bytes(path)
    if files.sha256(content) != manifest["splits"][split]["sha256"]:
        raise UserError(
            f"{path} is not the file that manifest.json beside it describes: its sha256 differs. "
            f"Delete it and fetch it again: snakemake {path}"
        )
    return from_parquet(content, str(path), manifest.get("numbers", []))[0]


def to_pixels(images: Images, size: int, channels: int, fit: str) -> np.ndarray:
    """Return the images as uint8 pixels of shape (N, channels, size, size)."""
    pixels = np.empty((len(images), channels, size, size), np.uint8)
    for i, (content, place) in enumerate(zip(images.content, images.places, strict=True)):
        pixels[i] = pixels_of(content, place, size, channels, fit)
    return pixels
