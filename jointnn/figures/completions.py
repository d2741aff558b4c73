"""What each network makes of images with a hole."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from jointnn.figures import figure
from jointnn.figures.context import Context
from jointnn.figures.sheet import sheet
from jointnn.figures.style import note

SHOWN = ["isolated", "l2reg", "shareall", "finetune", "joint_paper", "joint"]
"""Methods of the sheet: all of them would not fit a page."""
PER_DATASET = 2


@figure
def completions(context: Context) -> Figure:
    """Two test images of every dataset: with the hole, as each method completes them, and as they are.

    Of the first seed that has them. Reads results/<experiment>/s<seed>/evidence.safetensors.
    """
    for seed in context.seeds:
        if rows := sheet_rows(context, context.evidence(seed)):
            named = {context.label(name): images for name, images in rows.items()}
            return sheet(named, [context.label(dataset) for dataset in context.datasets])
    return note("This figure needs what networks make of images with a hole.")


def sheet_rows(
    context: Context, evidence: Mapping[str, NDArray[Any]]
) -> dict[str, list[NDArray[np.uint8]]]:
    """The images of each row, dataset by dataset, each (C, H, W); empty without a completed image."""
    completed = {
        method: row
        for method in context.methods
        if method in SHOWN and (row := _row(context, evidence, method, "completed"))
    }
    if not completed:
        return {}
    # Every network fills the same holes, so those of any method will do.
    first = next(iter(completed))
    holed, truth = (_row(context, evidence, first, key) for key in ("holed", "truth"))
    return {"with hole": holed, **completed, "truth": truth}


def _row(
    context: Context, evidence: Mapping[str, NDArray[Any]], method: str, key: str
) -> list[NDArray[np.uint8]]:
    return context.images_of(evidence, method, key, PER_DATASET)
