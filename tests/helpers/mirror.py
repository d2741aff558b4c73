"""Public sources of the mirror's folders in small, in the format in which their authors offer them."""

import bz2
import hashlib
from dataclasses import replace
from types import ModuleType

import numpy as np

from helpers.dataset import write
from helpers.fine_grained import DOWNLOADS, archive, mat
from jointnn.data.images import encode_png

GREEN, RED, BLUE = (20, 160, 40), (200, 30, 20), (30, 40, 190)
WORTHLESS = (255, 0, 255)
"""Colour of the parts that are cut off."""


def framed(inside: tuple, width: int, height: int, box: tuple[int, int, int, int]) -> bytes:
    """A picture of one colour within a box (left, top, right, bottom), of another around it."""
    pixels = np.full((height, width, 3), WORTHLESS, np.uint8)
    left, top, right, bottom = box
    pixels[top:bottom, left:right] = inside
    return encode_png(pixels)


def place(module: ModuleType, name: str, folder: str, monkeypatch, *contents: bytes) -> None:
    """Put files in the place of official ones, in their order, and let their sums hold."""
    official = []
    for file, content in zip(getattr(module, name), contents, strict=True):
        write(f"{DOWNLOADS}/{folder}/{file.name}", content)
        official.append(replace(file, checksum=hashlib.sha256(content).hexdigest()))
    monkeypatch.setattr(module, name, official)


def libsvm(digits: np.ndarray, labels: list[int]) -> bytes:
    """LIBSVM's text of images with brightness -1 to 1; a value of 0 is left out, as it may be."""
    lines = []
    for digit, label in zip(digits, labels, strict=True):
        told = [f"{k}:{value:g}" for k, value in enumerate(digit.ravel(), 1) if value]
        lines.append(f"{label + 1} {' '.join(told)} \n")
    return bz2.compress("".join(lines).encode())


def birds_of_2010(kinds: int) -> tuple[bytes, bytes, bytes]:
    """Images, lists and boxes of two photos of each kind, 60 x 40; the box of the bird is 20 x 10."""
    names = [f"{kind:03d}.Kind_{kind}/Kind_{kind}" for kind in range(1, kinds + 1)]
    green, high = framed(GREEN, 60, 40, (18, 8, 42, 32)), framed(GREEN, 60, 40, (0, 0, 60, 40))
    photos = {f"images/{name}_1.jpg": green for name in names}
    photos |= {f"images/{name}_2.jpg": high for name in names}
    lists = {f"lists/{split}.txt": "".join(f"{name}_{n}.jpg\n" for name in names)
             for split, n in (("train", 1), ("test", 2))}  # fmt: skip
    boxes = {}
    for name in names:
        middle = {"left": 20.0, "top": 15.0, "right": 40.0, "bottom": 25.0}
        above = {"left": 20.0, "top": 0.0, "right": 40.0, "bottom": 10.0}
        boxes[f"annotations-mat/{name}_1.mat"] = mat(bbox=middle)
        boxes[f"annotations-mat/{name}_2.mat"] = mat(bbox=above)
    return archive(photos, "w:gz"), archive(lists, "w:gz"), archive(boxes, "w:gz")


def cars(count: int, classes: list[str], label_of) -> None:
    """The folders of Stanford Cars: photos 40 x 30 whose car is green in the box 11..30, 6..20."""
    root = f"{DOWNLOADS}/stanford_cars"
    kinds = [("fname", object), ("class", int)] + [(f"bbox_{end}", int) for end in ("x1", "y1", "x2", "y2")]
    rows = np.array([(f"{i:05d}.jpg", label_of(i) + 1, 11, 6, 30, 20) for i in range(1, count + 1)], kinds)
    column = np.empty((1, len(classes)), object)
    column[0] = classes
    write(f"{root}/devkit/cars_meta.mat", mat(class_names=column))
    write(f"{root}/devkit/cars_train_annos.mat", mat(annotations=rows[None]))
    write(f"{root}/cars_test_annos_withlabels.mat", mat(annotations=rows[None, :1]))
    photo = framed(GREEN, 40, 30, (10, 5, 30, 20))
    for i in range(1, count + 1):
        write(f"{root}/cars_train/{i:05d}.jpg", photo)
    write(f"{root}/cars_test/00001.jpg", photo)
