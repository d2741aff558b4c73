"""The weights of every round: as heat maps, and how far they tell the groups apart."""

import textwrap
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from numpy.typing import NDArray

from jointnn.irls.groups import diagnosis, inside_and_across, upper_half
from jointnn.reporting.figures import figure
from jointnn.reporting.figures.caveats import said_of_weights, verdict
from jointnn.reporting.figures.context import NO_WEIGHTS, Context
from jointnn.reporting.figures.few_networks import is_few, pairs_by_round
from jointnn.reporting.figures.style import (
    DOUBLE,
    GROUPS,
    LETTER,
    NORMAL,
    RULE,
    block_title,
    grid_of,
    heat_map,
    new_figure,
    note,
    part_and_layers,
)

COLUMNS = 5


@figure
def weights(context: Context) -> Figure:
    """Draw heat maps of the weights of the first seed: a row per round, a column per block.

    Datasets stand in the order of their planted groups. Below four networks: a map per pair, a row per
    round. Reads weights.json of all rounds.
    """
    if not context.weights:
        return note(NO_WEIGHTS)
    if is_few(context):
        return pairs_by_round(context)
    seed, values = next(iter(context.weights.items()))
    rounds, blocks, networks, _ = values.shape
    planted = context.planted() or [0] * networks
    order = np.argsort(planted, kind="stable")
    side = max(0.12 * networks, min(0.8, (DOUBLE - 2.2) / blocks))
    drawing = new_figure(2.2 + side * blocks, 1.4 + (side + 0.08) * rounds)
    panels = drawing.subplots(rounds, blocks, squeeze=False)
    names = [context.label(context.datasets[index]) for index in order]
    for row in range(rounds):
        for column in range(blocks):
            matrix = values[row, column][np.ix_(order, order)].copy()
            np.fill_diagonal(matrix, np.nan)
            mesh = heat_map(panels[row, column], matrix)
            _rule_between(panels[row, column], [planted[index] for index in order])
            if row == rounds - 1:
                panels[row, column].set_xticks(np.arange(networks) + 0.5, names, rotation=90)
        panels[row, 0].set_yticks(np.arange(networks) + 0.5, names)
        panels[row, 0].set_ylabel(f"round {row + 1}")
    _name_blocks(panels[0].tolist(), context.blocks(), side)
    drawing.colorbar(mesh, ax=panels, label="weight", ticks=[0, 0.5, 1], shrink=0.4, aspect=25, pad=0.01)
    ended = diagnosis(list(values), context.label(context.in_rounds), context.datasets) or ""
    said = " ".join(filter(None, [f"Seed {seed}.", ended, said_of_weights(context)]))
    letters = int(drawing.get_figwidth() / LETTER)
    drawing.supxlabel(textwrap.fill(said, letters), fontsize=NORMAL)
    return drawing


def _name_blocks(panels: Sequence[Axes], blocks: Sequence[str], side: float) -> None:
    """Draw layers of every block above its panel of `side` inches, and a part above the first of its
    blocks.

    Long names stand in two lines, and where a line is longer than the panel in smaller letters.
    """
    named = [part_and_layers(block) for block in blocks]
    wide = max(len(layers) for _, layers in named) * LETTER > side + 0.1
    titles = [_in_lines(layers) if wide else layers for _, layers in named]
    longest = max(len(line) for title in titles for line in title.split("\n"))
    size = NORMAL * min(1.0, side / (longest * LETTER))
    before = ""
    for axes, (part, _), title in zip(panels, named, titles, strict=True):
        axes.set_title(title, fontsize=size)
        if part != before:
            axes.set_title(part + ("\n\n" if wide else "\n"), loc="left")
        before = part


def _in_lines(layers: str) -> str:
    """Return the layers of a block on a line each; a single layer with a line for each word."""
    mark = "-" if "-" in layers else "_"
    return layers.replace(mark, f"{mark}\n")


def _rule_between(axes: Axes, planted: list[int]) -> None:
    """Draw white rules where one planted group ends and the next begins."""
    for position in (np.flatnonzero(np.diff(planted)) + 1).tolist():
        axes.axhline(position, color="white", linewidth=1.5)
        axes.axvline(position, color="white", linewidth=1.5)


@figure
def separation(context: Context) -> Figure:
    """Draw the mean weight inside and across groups against the round, by block and in the upper half.

    Groups are the planted ones, else those found in the mean over seeds, if they are told apart there.
    Reads weights.json of all rounds.
    """
    if not context.weights:
        return note(NO_WEIGHTS)
    if not context.planted() and (why := verdict(context)):
        return note(why)
    labels = context.planted() or context.found[context.groups_round - 1].labels
    seeds = [
        np.concatenate([values, [[upper_half(of_round)] for of_round in values]], axis=1)
        for values in context.weights.values()
    ]
    names = [*context.blocks(), "upper half"]
    drawing, panels = grid_of(len(names), COLUMNS, DOUBLE, 1.7)
    for column, (axes, name) in enumerate(zip(panels, names, strict=True)):
        _draw_separation(axes, np.array([values[:, column] for values in seeds]), labels)
        axes.axvline(context.groups_round, color=RULE, linewidth=0.6, linestyle=":", zorder=0)
        axes.set_title(block_title(name))
        axes.set_ylim(0, 1.02)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
        below, left = column + COLUMNS < len(names), column % COLUMNS == 0
        axes.tick_params(labelbottom=not below, labelleft=left)
        axes.set(xlabel="" if below else "round", ylabel="mean weight" if left else "")
    handles = panels[0].get_legend_handles_labels()
    drawing.legend(*handles, loc="outside lower center", ncols=2)
    return drawing


def _draw_separation(axes: Axes, values: NDArray[np.float64], labels: list[int]) -> None:
    """Draw thin lines: seeds, thick ones: their mean. `values`: weights of a block, (seeds, K, n, n)."""
    inside, across = inside_and_across(values, labels)
    rounds = np.arange(1, values.shape[1] + 1)
    looks = {"inside a group": (inside, GROUPS[0], "-"), "across groups": (across, "#777777", "--")}
    for name, (mean, colour, line) in looks.items():
        if np.isnan(mean).all():
            continue
        for of_seed in mean:
            axes.plot(rounds, of_seed, line, color=colour, linewidth=0.5, alpha=0.5)
        axes.plot(rounds, mean.mean(axis=0), line, color=colour, linewidth=1.6, label=name)
