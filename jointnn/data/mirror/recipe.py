"""Recipes of the folders of the mirror: pure functions on images, and nothing random."""

import io
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from PIL import Image

from jointnn.data.images import decode, resize, to_channels
from jointnn.data.schema import DatasetParams
from jointnn.data.selection import spread
from jointnn.data.source import Images, Splits, source_of
from jointnn.errors import UserError


@dataclass(frozen=True)
class Recipe:
    """A folder of the mirror before anything is read or downloaded.

    Attributes:
        origin: the public source, in words.
        licence: the licence of its images.
        read: obtains the source and returns the images as the Parquet files hold them.
    """

    origin: str
    licence: str
    read: Callable[[], Splits]


def of_source(name: str) -> Splits:
    """Return the images of one of the project's own sources, as they were published."""
    return source_of(DatasetParams(source=name)).read()


def placed(path: Path, what: str) -> Path:
    """Return `path`, the file or folder that only a person can place.

    Raises:
        UserError: it is not there; `what` says what it is and where to find it.
    """
    if not path.exists():
        raise UserError(f"{path} is missing: {what}. Place it there.")
    return path


def both(splits: Splits) -> Images:
    """Return the training and test images of a source together."""
    images = Images()
    for part in (splits.train, splits.test):
        images.extend(part or Images())
    return images


def of_classes(images: Images, labels: list[int]) -> Images:
    """Return the images of some classes. The label `labels[k]` becomes k."""
    new = {label: k for k, label in enumerate(labels)}
    kept = images.take([i for i, label in enumerate(images.labels) if label in new])
    return replace(kept, labels=[new[label] for label in kept.labels])


def evenly(images: Images, most: int) -> Images:
    """Return at most `most` images of each class, spread evenly over the class's own order."""
    chosen = []
    for indices in _members(images):
        chosen += spread(indices, min(most, len(indices)))
    return images.take(sorted(chosen))


def apart(images: Images, n: int) -> tuple[Images, Images]:
    """Return the images in two: (the others, every n-th image of each class)."""
    nth = {i for indices in _members(images) for i in indices[n - 1 :: n]}
    others = [i for i in range(len(images)) if i not in nth]
    return images.take(others), images.take(sorted(nth))


def numbered(images: Images, split: str, suffix: str) -> Images:
    """Return the images, renamed to train-00000.png, train-00001.png, ..."""
    return replace(images, names=[f"{split}-{i:05d}.{suffix}" for i in range(len(images))])


def as_png(images: Images) -> Images:
    """Return the images as the smallest PNGs that Pillow writes, pixels unchanged."""
    return _encoded(images, lambda image, _: image, "PNG", {"optimize": True}, keep_mode=True)


def as_jpeg(
    images: Images,
    draw: Callable[[Image.Image, str], Image.Image],
    quality: int,
    *,
    optimize: bool = True,
) -> Images:
    """Return each image as a JPEG of what `draw` makes from its colour pixels and its name.

    Args:
        quality: Pillow's, 1 to 95; colours have half the resolution (4:2:0).
        optimize: Huffman tables are those of the image, not the standard's.
    """
    options = {"quality": quality, "optimize": optimize, "subsampling": "4:2:0"}
    return _encoded(images, draw, "JPEG", options, keep_mode=False)


def fitted(image: Image.Image, size: int, fit: str = "crop") -> Image.Image:
    """Return an image in colour as a square of `size` pixels: its central square, or squashed."""
    return Image.fromarray(resize(image, size, 3, fit).transpose(1, 2, 0))


def _members(images: Images) -> list[list[int]]:
    """Return the places of the images of each class that is there, in the order of the labels."""
    members: dict[int, list[int]] = defaultdict(list)
    for i, label in enumerate(images.labels):
        members[label].append(i)
    return [members[label] for label in sorted(members)]


def _encoded(
    images: Images,
    draw: Callable[[Image.Image, str], Image.Image],
    kind: str,
    options: dict[str, object],
    *,
    keep_mode: bool,
) -> Images:
    content = []
    for encoded, name, place in zip(images.content, images.names, images.places, strict=True):
        image = decode(encoded, place)
        buffer = io.BytesIO()
        draw(image if keep_mode else to_channels(image, 3), name).save(buffer, kind, **options)
        content.append(buffer.getvalue())
    return replace(images, content=content)
