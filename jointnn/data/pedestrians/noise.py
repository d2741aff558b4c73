"""Smooth noise for textures: tiles made once, of which pictures take cut-outs."""

from functools import cache

import numpy as np
from PIL import Image

SIDE = 512


@cache
def tile(grain: int) -> np.ndarray:
    """Return noise of mean 0 and deviation 1, shape (SIDE, SIDE), with spots 2^grain pixels wide.

    Half of its power is of finer spots. It is the same in every process.
    """
    rng = np.random.default_rng(7919 + grain)
    total = np.zeros((SIDE, SIDE), np.float32)
    for octave in range(grain + 1):
        small = rng.normal(0, 1, (SIDE >> octave, SIDE >> octave)).astype(np.float32)
        large = Image.fromarray(small).resize((SIDE, SIDE), Image.Resampling.BICUBIC)
        total += np.asarray(large) * 2.0 ** ((octave - grain) / 2)
    scaled: np.ndarray = (total - total.mean()) / total.std()
    return scaled


def noise(rng: np.random.Generator, shape: tuple[int, int] | None, grain: int) -> np.ndarray:
    """Return noise of a shape, cut out of a tile at a random place; without a shape the whole tile."""
    if shape is None:
        return tile(grain)
    row, column = rng.integers(0, SIDE - np.array(shape) + 1)
    return tile(grain)[row : row + shape[0], column : column + shape[1]]
