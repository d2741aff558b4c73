"""Outputs of auto-encoders for images: of the whole code, and of that of one branch alone."""

from matplotlib.figure import Figure

from jointnn.reporting.figures import figure
from jointnn.reporting.figures.context import Context
from jointnn.reporting.figures.image_sheet import PER_PAGE, Evidence, Row, rows_of_methods, sheet_of_first

PREFERRED = ["jae", "joint"]
"""Methods whose branches are shown before those of others."""
MOST_METHODS = 2


@figure
def reconstructions(context: Context) -> Figure:
    """Draw test images of each dataset on top, and below a row of what every method makes of them.

    Of the first seed that has them. Reads results/<experiment>/s<seed>/evidence.safetensors.
    """

    def rows(evidence: Evidence) -> dict[str, Row]:
        count = _shown(context, evidence)
        found = rows_of_methods(
            context, lambda method: context.images_of(evidence, method, "reconstructed", count)
        )
        return _below_originals(context, evidence, found)

    return sheet_of_first(context, rows, "This figure needs what auto-encoders make of images.")


@figure
def branches(context: Context) -> Figure:
    """Draw test images, what a network makes of them, and of the code of each branch alone.

    Codes of the other branches are 0 then. For two methods whose networks have branches, `jae` and
    `joint` before others; of the first seed that has them. Reads
    results/<experiment>/s<seed>/evidence.safetensors.
    """

    def rows(evidence: Evidence) -> dict[str, Row]:
        count = _shown(context, evidence)
        found: dict[str, Row] = {}
        for method, names in list(with_branches(context, evidence, "alone").items())[:MOST_METHODS]:
            found[method] = context.images_of(evidence, method, "reconstructed", count)
            for name in names:
                images = context.images_of(evidence, method, f"alone.{name}", count)
                found[f"{context.label(method)}: {name}"] = images
        return _below_originals(context, evidence, found)

    return sheet_of_first(context, rows, "This figure needs a network with several branches.")


def with_branches(context: Context, evidence: Evidence, kind: str) -> dict[str, list[str]]:
    """Return the branches of the methods that have several in every dataset, preferred methods first.

    Args:
        kind: of the evidence by which branches are known: `alone` or `code`.
    """

    def of(method: str) -> list[str]:
        starts = [f"{method}/{dataset}/{kind}." for dataset in context.datasets]
        names = [{name.removeprefix(s) for name in evidence if name.startswith(s)} for s in starts]
        return sorted(set.intersection(*names))

    first = [method for method in PREFERRED if method in context.methods]
    others = [method for method in context.methods if method not in PREFERRED]
    return {method: names for method in [*first, *others] if len(names := of(method)) > 1}


def _shown(context: Context, evidence: Evidence) -> int:
    """Return how many images of a dataset are shown: a row has room for them, every dataset has them."""
    fewest = min((len(images) for name, images in evidence.items() if name.endswith("/truth")), default=0)
    return min(fewest, max(1, PER_PAGE // len(context.datasets)))


def _below_originals(context: Context, evidence: Evidence, found: dict[str, Row]) -> dict[str, Row]:
    if not found:
        return {}
    # Every method is given the same images, so those of the first will do.
    count = _shown(context, evidence)
    return {"original": context.images_of(evidence, next(iter(found)), "truth", count), **found}
