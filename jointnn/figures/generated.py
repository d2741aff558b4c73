"""What generators make: Figure 6, and the way from one image to another."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from jointnn.figures import figure
from jointnn.figures.context import Context
from jointnn.figures.sheet import Row, sheet
from jointnn.figures.style import note

PER_PAGE = 18
"""Images in a row of Figure 6, shared by the datasets."""
LINES = 1
"""Straight lines between two latent values that are shown of each dataset."""


@figure
def figure_6_generated(context: Context) -> Figure:
    """Real images of each dataset on top, and a row of generated ones for every method below.

    The latent values are the same in every row. Of the first seed that has them. Reads
    results/<experiment>/s<seed>/evidence.safetensors.
    """
    count = max(1, PER_PAGE // len(context.datasets))
    return _sheet(
        context, lambda evidence, method: context.images_of(evidence, method, "made", count), count
    )


@figure
def interpolations(context: Context) -> Figure:
    """Of each dataset and method a straight line between two latent values, the same for every method.

    Of the first seed that has them. Reads results/<experiment>/s<seed>/evidence.safetensors.
    """

    def line(evidence: Mapping[str, NDArray[Any]], method: str) -> Row:
        lines = context.images_of(evidence, method, "between", LINES)
        return [np.asarray(image) for images in lines for image in images]

    return _sheet(context, line)


@figure
def along_training(context: Context) -> Figure:
    """What a generator of each dataset and method makes of one latent value while it learns.

    Of the first seed that has them. Reads results/<experiment>/s<seed>/evidence.safetensors.
    """
    count = max(2, PER_PAGE // len(context.datasets))

    def row(evidence: Mapping[str, NDArray[Any]], method: str) -> Row:
        images: Row = []
        for dataset in context.datasets:
            glimpses = evidence.get(f"{method}/{dataset}/glimpses")
            if glimpses is None:
                return []
            chosen = np.linspace(0, len(glimpses) - 1, count).round().astype(int)
            images += [glimpses[k, 0] for k in chosen]
        return images

    return _sheet(context, row)


def _sheet(
    context: Context,
    row: Callable[[Mapping[str, NDArray[Any]], str], Row],
    real: int = 0,
) -> Figure:
    """A row of every method, below a row of as many real images of each dataset as are wanted."""
    for seed in context.seeds:
        evidence = context.evidence(seed)
        found = {method: images for method in context.methods if (images := row(evidence, method))}
        if found:
            above = {"real": context.images_of(evidence, next(iter(found)), "real", real)} if real else {}
            rows = {context.label(method): images for method, images in found.items()}
            return sheet(above | rows, [context.label(dataset) for dataset in context.datasets])
    return note("This figure needs images that generators made.")
