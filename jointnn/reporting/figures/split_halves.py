"""Distances of datasets, layer by layer, in units of what halves of one dataset have by chance."""

import textwrap
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure
from numpy.typing import NDArray

from jointnn.reporting.figures import figure
from jointnn.reporting.figures.context import Context
from jointnn.reporting.figures.style import (
    INK,
    LETTER,
    NORMAL,
    block_title,
    new_figure,
    note,
)
from jointnn.reporting.split_halves import TOLD, is_inside, number, over_seeds

CELL, ROW = 0.42, 0.2  # inches of a number, and of a pair
MOST_PAIRS = 45
"""Of more pairs the closest and the farthest are shown."""
DARKEST = 8.0
"""The ratio from which cells are as dark as can be."""
PALER_THAN = 3.0
"""The ratio from which a number is white on its cell."""


@figure
def split_halves(context: Context) -> Figure:
    """Draw the ratio of every pair (rows) in every layer (columns), mean over seeds; 1: not told apart.

    Pairs stand from the closest to the farthest, those inside planted groups first. Reads ratios.json of
    the halves of all seeds.
    """
    table = context.ratios
    if table.empty:
        return note("This figure needs networks of halves that did not diverge, and there are none.")
    if table.ratio.isna().all():
        return note(
            "Halves of one dataset are equal in every layer, as under a half-life of 0: there is no chance "
            "that distances could be measured by, and this figure needs some."
        )
    means = over_seeds(table)
    blocks = _blocks(context, means)
    shown = pd.concat([block for _, block in blocks])
    names = [" – ".join(map(context.label, pair)) for pair in shown.index]
    layers = [block_title(str(layer)) for layer in shown]
    above = max(len(line) for title in layers for line in title.split("\n"))
    upright = above * LETTER > CELL
    width = LETTER * max(map(len, names)) + CELL * len(layers) + 0.4 + 0.9 * (len(blocks) > 1)
    said = _said(context, len(means) - len(shown))
    width = max(width, 4.2)
    lines = textwrap.wrap(said, int(width / LETTER))
    height = ROW * len(shown) + 0.16 * len(lines) + (LETTER * above if upright else 0.2) + 0.3
    drawing = new_figure(width, height)
    axes = drawing.subplots()
    _draw(axes, shown.to_numpy(float))
    axes.set_yticks(range(len(names)), names)
    axes.xaxis.tick_top()
    axes.set_xticks(range(len(layers)), layers, rotation=90 if upright else 0)
    _name_blocks(axes, [(name, len(block)) for name, block in blocks])
    drawing.supxlabel("\n".join(lines), fontsize=NORMAL)
    return drawing


def _blocks(context: Context, means: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """Return the blocks of rows to show, named and sorted: pairs inside planted groups, across, or all."""
    order = means.mean(axis=1).sort_values(kind="stable").index
    ends = means.loc[order]
    if len(ends) > MOST_PAIRS:
        ends = pd.concat([ends.iloc[: MOST_PAIRS // 2], ends.iloc[-(MOST_PAIRS // 2) :]])
    if not context.groups:
        return [("", ends)]
    inside = np.array(is_inside(list(ends.index), context.groups))
    parts = [("inside groups", ends[inside]), ("across groups", ends[~inside])]
    return [(name, part) for name, part in parts if len(part)]


def _said(context: Context, left_out: int) -> str:
    seeds = list(dict.fromkeys(context.ratios.seed))
    gone = [str(seed) for seed in context.seeds if seed not in seeds]
    of = f"seed {seeds[0]}" if len(seeds) == 1 else f"mean over seeds {', '.join(map(str, seeds))}"
    parts = [
        f"Squared distance of two networks over that of halves of one dataset ({TOLD}), {of}.",
        f"{left_out} pairs between the closest and the farthest are left out." if left_out else "",
        f"Without seed{'s' * (len(gone) > 1)} {', '.join(gone)}: not trained, or diverged." if gone else "",
    ]
    return " ".join(filter(None, parts))


def _draw(axes: Axes, values: NDArray[np.float64]) -> None:
    """Draw ratios as a map with numbers in it: white where nothing is told apart."""
    norm = LogNorm(1.0, DARKEST, clip=True)
    axes.imshow(values, cmap="Blues", norm=norm, aspect="auto", interpolation="none")
    for (row, column), value in np.ndenumerate(values):
        colour = "white" if value > PALER_THAN else INK
        axes.text(column, row, number(value), ha="center", va="center", color=colour)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)


def _name_blocks(axes: Axes, blocks: Sequence[tuple[str, int]]) -> None:
    """Draw the name of each block of rows beside it, and a white rule between blocks."""
    start, last = 0, axes.get_xlim()[1]
    for name, count in blocks if len(blocks) > 1 else ():
        axes.text(last + 0.15, start + count / 2 - 0.5, name.replace(" ", "\n"), va="center", color=INK)
        start += count
        if start < sum(rows for _, rows in blocks):
            axes.axhline(start - 0.5, color="white", linewidth=3)
