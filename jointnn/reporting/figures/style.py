"""How every figure looks: one palette, sizes of a paper, the same bytes for the same figure."""

import io
import textwrap
from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.figure import Figure
from matplotlib.style import context
from numpy.typing import NDArray

from jointnn.parameters.rows import Line, Look, row_of

SINGLE, DOUBLE = 3.4, 7.0  # widths of one and two columns, in inches
SMALL, NORMAL = 7.0, 8.0  # sizes of text, in points
LETTER = 0.065  # width of a letter of normal size, in inches
MOST_SQUARES = 12  # a larger matrix is embedded as pixels
FINE = 128  # pixels of the side of an image that no viewer blurs visibly
INK, RULE, PALE = "#222222", "#999999", "#DDDDDD"

STYLE: dict[str, Any] = {
    "font.family": "DejaVu Sans",  # comes with matplotlib, so it is the same everywhere
    "font.size": SMALL,
    "axes.titlesize": NORMAL,
    "axes.labelsize": NORMAL,
    "axes.linewidth": 0.6,
    "axes.edgecolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.major.size": 2.5,
    "ytick.major.size": 2.5,
    "legend.fontsize": SMALL,
    "legend.frameon": False,
    "lines.linewidth": 1.2,
    "figure.dpi": 100,
    "figure.constrained_layout.w_pad": 0.03,
    "figure.constrained_layout.h_pad": 0.03,
    "svg.fonttype": "path",  # looks the same where the font is missing
    "svg.hashsalt": "jointnn",  # ids of SVG elements are random without it
}

# Rows without a look of their own have Tol's muted colours.
OTHERS = ["#999933", "#AA4499", "#DDCC77", "#6699CC", "#332288", "#661100"]
GROUPS = ["#4477AA", "#EE6677", "#228833", "#CCBB44", "#66CCEE", "#AA3377"]
# For classes: Tableau's ten, in the order of matplotlib.
CLASSES = [
    "#1F77B4", "#FF7F0E", "#2CA02C", "#D62728", "#9467BD",
    "#8C564B", "#E377C2", "#7F7F7F", "#BCBD22", "#17BECF",
]  # fmt: skip
MARKERS = ["o", "s", "D", "^", "v", "P", "X", "p"]


def look(method: str, methods: Sequence[str]) -> Look:
    """Return the look of a method. One without its own look takes one by its place in `methods`."""
    if (own := row_of(method).look) is not None:
        return own
    position = [name for name in methods if row_of(name).look is None].index(method)
    line: Line = "-" if position < len(OTHERS) else (0, (1, 1))
    return Look(OTHERS[position % len(OTHERS)], line)


def part_and_layers(block: str) -> tuple[str, str]:
    """Return part and layers of a block: generator, up1-up2 of generator.up1-generator.up2.

    The part is "" if the layers share none.
    """
    first, _, last = block.partition("-")
    part = first.rpartition(".")[0]
    if not part or (last and last.rpartition(".")[0] != part):
        return "", block
    return part, block.replace(f"{part}.", "")


def block_title(block: str) -> str:
    """Return the title of a block's panel: its part above its layers."""
    return "\n".join(filter(None, part_and_layers(block)))


def new_figure(width: float, height: float) -> Figure:
    """Return an empty figure of `width` by `height` inches, which makes room for its labels."""
    return Figure(figsize=(width, height), layout="constrained")


def grid_of(count: int, columns: int, width: float, height: float) -> tuple[Figure, list[Axes]]:
    """Return a figure and its `count` panels, in rows of at most `columns`, each `height` inches high."""
    columns = min(columns, count)
    rows = -(-count // columns)
    drawing = new_figure(width, height * rows)
    axes = drawing.subplots(rows, columns, squeeze=False).flatten().tolist()
    for unused in axes[count:]:
        unused.remove()
    return drawing, axes[:count]


def note(text: str, width: float = DOUBLE) -> Figure:
    """Return a figure that says why there is nothing to draw."""
    said = textwrap.fill(text, int(width / LETTER))
    drawing = new_figure(width, 0.5 + 0.14 * (1 + said.count("\n")))
    drawing.text(0.5, 0.5, said, ha="center", va="center", color=INK, fontsize=NORMAL)
    return drawing


def as_rgb(images: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return images (..., C, H, W), grey or colour, as matplotlib shows them: (..., H, W, 3)."""
    last = np.moveaxis(images, -3, -1)
    return last if last.shape[-1] == 3 else np.repeat(last, 3, axis=-1)


def crisp(pixels: NDArray[Any], side: int) -> NDArray[Any]:
    """Return pixels (H, W, ...), repeated until an image has about `FINE` a side.

    Some viewers of SVG blur small images.

    Args:
        side: pixels of the side of an image in it.
    """
    times = max(1, FINE // side)
    return pixels.repeat(times, axis=0).repeat(times, axis=1)


def heat_map(axes: Axes, values: NDArray[np.float64]) -> ScalarMappable:
    """Draw a matrix in 0..1 as squares of one hue, and return the map. NaN (the diagonal) stays pale."""
    axes.set_facecolor(PALE)
    mesh: ScalarMappable
    if len(values) > MOST_SQUARES:
        extent = (0.0, float(len(values)), float(len(values)), 0.0)
        fine = crisp(values, len(values))
        mesh = axes.imshow(fine, cmap="Blues", vmin=0, vmax=1, extent=extent, interpolation="none")
    else:
        mesh = axes.pcolormesh(values, cmap="Blues", vmin=0, vmax=1, ec="white", linewidth=0.2)
        axes.invert_yaxis()
    axes.set_aspect("equal")
    axes.tick_params(length=0, pad=1.5)
    axes.spines[:].set_visible(False)
    axes.set(xticks=[], yticks=[])
    return mesh


def numbered_map(axes: Axes, values: NDArray[np.float64]) -> None:
    """Draw a matrix in 0..1 as a map with its numbers in it."""
    axes.imshow(values, cmap="Blues", vmin=0, vmax=1, aspect="auto", interpolation="none")
    for (row, column), value in np.ndenumerate(values):
        colour = "white" if value > 0.6 else INK
        axes.text(column, row, f"{value:.2f}", ha="center", va="center", color=colour)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    axes.set_xticks([])


def to_svg(drawing: Figure) -> bytes:
    """Return a figure as SVG without a date, with ids of a fixed salt. Equal figures give equal bytes.

    It must be called within `style()`, in which the figure was drawn too.
    """
    # Square panels find their place in two rounds: after one, titles are cut off at the edge.
    drawing.draw_without_rendering()
    buffer = io.BytesIO()
    drawing.savefig(buffer, format="svg", metadata={"Date": None})
    return buffer.getvalue()


def style() -> AbstractContextManager[None]:
    """Return a context with the settings of matplotlib for every figure, whatever the user's own are."""
    return context(["default", STYLE])
