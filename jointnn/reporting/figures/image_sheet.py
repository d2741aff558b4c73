"""A sheet of images: rows with a name each, and columns in groups with a name above each."""

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from jointnn.reporting.figures.context import Context
from jointnn.reporting.figures.style import DOUBLE, LETTER, NORMAL, as_rgb, crisp, new_figure, note

GAP, WIDE_GAP = 1 / 16, 1 / 4  # between images, and between groups, in widths of an image
LABELS = 0.75  # inches, left of the images, more for longer names
LARGEST = 0.6  # inches, of an image
PER_PAGE = 18
"""Images in a row that are still large enough to see, shared by the datasets."""

Row = list[NDArray[np.uint8]]
"""The images of a row, group by group, each (C, H, W)."""
Evidence = Mapping[str, NDArray[Any]]


def sheet_of_first(context: Context, rows: Callable[[Evidence], Mapping[str, Row]], missing: str) -> Figure:
    """Return the sheet of the first seed whose evidence gives rows, in groups by dataset; else a note."""
    for seed in context.seeds:
        if found := rows(context.evidence(seed)):
            named = {context.label(name): images for name, images in found.items()}
            return sheet(named, [context.label(dataset) for dataset in context.datasets])
    return note(missing)


def rows_of_methods(context: Context, row: Callable[[str], Row]) -> dict[str, Row]:
    """Return the row of every method that has one, in the order of the context."""
    return {method: images for method in context.methods if (images := row(method))}


def sheet(rows: Mapping[str, Row], groups: Sequence[str]) -> Figure:
    """Return a figure of the images of all rows, pasted into one picture with their own pixels.

    Args:
        rows: by the name that stands to the left; each has as many images, as many for each group.
        groups: the names above.
    """
    side = next(iter(rows.values()))[0].shape[-1]
    per_group = len(next(iter(rows.values()))) // len(groups)
    starts = _starts(len(groups), per_group, side)
    tops = [row * (side + math.ceil(GAP * side)) for row in range(len(rows))]
    canvas = np.full((tops[-1] + side, starts[-1] + side, 3), 255, np.uint8)
    for top, images in zip(tops, rows.values(), strict=True):
        for left, image in zip(starts, images, strict=True):
            canvas[top : top + side, left : left + side] = as_rgb(image)
    drawing = _drawn(canvas, side, max(LABELS, LETTER * max(map(len, rows))))
    axes = drawing.axes[0]
    axes.set_yticks([top + side / 2 for top in tops], list(rows))
    ends = zip(starts[::per_group], starts[per_group - 1 :: per_group], strict=True)
    axes.set_xticks([(left + right + side) / 2 for left, right in ends], list(groups))
    return drawing


def _starts(groups: int, per_group: int, side: int) -> list[int]:
    """Return the left edge of each image of a row, in pixels."""
    gaps = [
        round(WIDE_GAP * side) if k % per_group == 0 else math.ceil(GAP * side)
        for k in range(1, per_group * groups)
    ]
    return [0, *np.cumsum([side + gap for gap in gaps]).tolist()]


def _drawn(canvas: NDArray[np.uint8], side: int, left: float) -> Figure:
    """Return a figure of the picture, without names, but with `left` inches for them."""
    inch = min(LARGEST / side, (DOUBLE - left) / canvas.shape[1])
    drawing = new_figure(left + inch * canvas.shape[1], 0.3 + inch * canvas.shape[0])
    axes = drawing.subplots()
    extent = (0, canvas.shape[1], canvas.shape[0], 0)
    axes.imshow(crisp(canvas, side), interpolation="none", extent=extent)
    axes.xaxis.tick_top()
    axes.tick_params(length=0, pad=2, labelsize=NORMAL)
    axes.spines[:].set_visible(False)
    return drawing
