"""Images that generators make: Figure 6, and the way from one image to another."""

from collections.abc import Callable

import numpy as np
from matplotlib.figure import Figure

from jointnn.reporting.figures import figure
from jointnn.reporting.figures.context import Context
from jointnn.reporting.figures.image_sheet import PER_PAGE, Evidence, Row, rows_of_methods, sheet_of_first


@figure
def figure_6_generated(context: Context) -> Figure:
    """Draw real images of each dataset on top, and below a row of generated ones for every method.

    The latent values are the same in every row. Images are of the first seed that has them. Reads
    results/<experiment>/s<seed>/evidence.safetensors.
    """
    count = max(1, PER_PAGE // len(context.datasets))
    return _sheet(
        context, lambda evidence, method: context.images_of(evidence, method, "made", count), count
    )


@figure
def interpolations(context: Context) -> Figure:
    """Draw images on a straight line between two latent values, the same for every method.

    There is one line for each dataset and method, of the first seed that has them. Reads
    results/<experiment>/s<seed>/evidence.safetensors.
    """
    return _sheet(context, lambda evidence, method: context.images_of(evidence, method, "between"))


@figure
def along_training(context: Context) -> Figure:
    """Draw images that each generator makes of one latent value while it learns.

    Columns are steps, the same for every method, evenly spaced. Images are of the first seed that has them.
    Reads results/<experiment>/s<seed>/evidence.safetensors.
    """
    count = max(2, PER_PAGE // len(context.datasets))

    def row(evidence: Evidence, method: str) -> Row:
        images: Row = []
        for dataset in context.datasets:
            glimpses = evidence.get(f"{method}/{dataset}/glimpses")
            if glimpses is None:
                return []
            shown = min(count, len(glimpses))
            chosen = np.linspace(0, len(glimpses) - 1, shown).round().astype(int)
            images += [glimpses[k, 0] for k in chosen]
        return images

    return _sheet(context, row)


def _sheet(context: Context, row: Callable[[Evidence, str], Row], real: int = 0) -> Figure:
    """Return a sheet with a row for every method, below a row of `real` real images of each dataset."""

    def rows(evidence: Evidence) -> dict[str, Row]:
        found = rows_of_methods(context, lambda method: row(evidence, method))
        if not found or not real:
            return found
        return {"real": context.images_of(evidence, next(iter(found)), "real", real), **found}

    return sheet_of_first(context, rows, "This figure needs images that generators made.")
