"""Completions: the outputs of each network for images with a hole."""

from matplotlib.figure import Figure

from jointnn.reporting.figures import figure
from jointnn.reporting.figures.context import Context
from jointnn.reporting.figures.image_sheet import Evidence, Row, rows_of_methods, sheet_of_first

SHOWN = ["isolated", "l2reg", "shareall", "finetune", "joint_paper", "joint"]
"""Methods of the sheet: all of them would not fit a page."""
PER_DATASET = 2


@figure
def completions(context: Context) -> Figure:
    """Draw two test images per dataset: with the hole, as each method completes them, and whole.

    They are of the first seed that has them. Reads results/<experiment>/s<seed>/evidence.safetensors.
    """
    missing = "This figure needs what networks make of images with a hole."
    return sheet_of_first(context, lambda evidence: sheet_rows(context, evidence), missing)


def sheet_rows(context: Context, evidence: Evidence) -> dict[str, Row]:
    """Return the images (C, H, W) of each row, dataset by dataset; {} where none was completed."""

    def row(method: str, key: str) -> Row:
        return context.images_of(evidence, method, key, PER_DATASET)

    completed = rows_of_methods(context, lambda method: row(method, "completed") if method in SHOWN else [])
    if not completed:
        return {}
    # Every network fills the same holes, so those of any method will do.
    first = next(iter(completed))
    return {"with hole": row(first, "holed"), **completed, "truth": row(first, "truth")}
