"""What each network makes of images with a hole."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from jointnn.figures import figure
from jointnn.figures.context import Context
from jointnn.figures.style import DOUBLE, NORMAL, as_rgb, crisp, new_figure, note

SHOWN = ["isolated", "l2reg", "shareall", "finetune", "joint_paper", "joint"]
"""Methods of the sheet: all of them would not fit a page."""
PER_DATASET = 2
GAP, WIDE_GAP = 1 / 16, 1 / 4  # between images, and between datasets, in widths of an image
LABELS = 0.75  # inches, left of the images
LARGEST = 0.6  # inches, of an image


@figure
def completions(context: Context) -> Figure:
    """Two test images of every dataset: with the hole, as each method completes them, and as they are.

    Of the first seed that has them. Reads results/<experiment>/s<seed>/evidence.safetensors.
    """
    for seed in context.seeds:
        evidence = context.evidence(seed)
        rows = sheet_rows(context, evidence)
        if rows:
            break
    else:
        return note("This figure needs what networks make of images with a hole.")
    side = next(iter(rows.values()))[0].shape[-1]
    starts = _starts(len(context.datasets), side)
    canvas = np.full((_height(len(rows), side), starts[-1] + side, 3), 255, np.uint8)
    tops = [row * (side + round(GAP * side)) for row in range(len(rows))]
    for top, images in zip(tops, rows.values(), strict=True):
        for left, image in zip(starts, images, strict=True):
            canvas[top : top + side, left : left + side] = as_rgb(image)
    return _drawn(context, canvas, dict(zip(rows, tops, strict=True)), starts)


def sheet_rows(
    context: Context, evidence: Mapping[str, NDArray[Any]]
) -> dict[str, list[NDArray[np.uint8]]]:
    """The images of each row, dataset by dataset, each (C, H, W); empty without a completed image."""

    def images(method: str, key: str) -> list[NDArray[np.uint8]]:
        names = [f"{method}/{dataset}/{key}" for dataset in context.datasets]
        if not all(name in evidence for name in names):
            return []
        return [image for name in names for image in evidence[name][:PER_DATASET]]

    completed = {method: images(method, "completed") for method in context.methods if method in SHOWN}
    completed = {method: row for method, row in completed.items() if row}
    if not completed:
        return {}
    # Every network fills the same holes, so those of any method will do.
    first = next(iter(completed))
    return {"with hole": images(first, "holed"), **completed, "truth": images(first, "truth")}


def _starts(datasets: int, side: int) -> list[int]:
    """The left edge of every image, in pixels."""
    gaps = [
        round(WIDE_GAP * side) if k % PER_DATASET == 0 else round(GAP * side)
        for k in range(1, PER_DATASET * datasets)
    ]
    return [0, *np.cumsum([side + gap for gap in gaps]).tolist()]


def _height(rows: int, side: int) -> int:
    return rows * (side + round(GAP * side)) - round(GAP * side)


def _drawn(
    context: Context, canvas: NDArray[np.uint8], tops: Mapping[str, int], starts: Sequence[int]
) -> Figure:
    """The sheet as one picture of its own pixels, with the names of rows and datasets."""
    side = canvas.shape[0] - list(tops.values())[-1]
    inch = min(LARGEST / side, (DOUBLE - LABELS) / canvas.shape[1])
    drawing = new_figure(LABELS + inch * canvas.shape[1], 0.3 + inch * canvas.shape[0])
    axes = drawing.subplots()
    extent = (0, canvas.shape[1], canvas.shape[0], 0)
    axes.imshow(crisp(canvas, side), interpolation="none", extent=extent)
    axes.set_yticks([top + side / 2 for top in tops.values()], [context.label(name) for name in tops])
    middles = [
        (left + right + side) / 2
        for left, right in zip(starts[::PER_DATASET], starts[PER_DATASET - 1 :: PER_DATASET], strict=True)
    ]
    axes.set_xticks(middles, [context.label(dataset) for dataset in context.datasets])
    axes.xaxis.tick_top()
    axes.tick_params(length=0, pad=2, labelsize=NORMAL)
    axes.spines[:].set_visible(False)
    return drawing
