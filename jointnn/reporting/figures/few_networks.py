"""Weights of two or three networks: by pair and block, in the place of graphs and groups.

A graph of three is always a triangle, and two have no groups. So every pair gets a row of its own.
"""

import textwrap
from itertools import combinations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from jointnn.irls.groups import diagnosis
from jointnn.reporting.figures.caveats import said_of_weights, verdict
from jointnn.reporting.figures.context import Context
from jointnn.reporting.figures.style import (
    DOUBLE,
    GROUPS,
    INK,
    LETTER,
    NORMAL,
    RULE,
    block_title,
    new_figure,
    numbered_map,
)

FEWEST = 4
"""Networks of which a graph and groups tell something."""
EVEN = 1e-3  # first weights that differ by less are the same whatever the data
LETTERS = 100  # of a line below a figure of two columns
CELL = 0.42  # inches, of a number in a map


def is_few(context: Context) -> bool:
    """Return whether there are too few networks for graphs and groups."""
    return len(context.datasets) < FEWEST


def pairs_by_block(context: Context) -> Figure:
    """Draw the weight of each pair in each block, at `groups_round`: circles are seeds, bars means.

    For two networks the dashed rule is the first weight, which is the same whatever the data.
    """
    blocks, pairs = context.blocks(), _pairs(context)
    values = np.array([runs[context.groups_round - 1] for runs in context.weights.values()])
    drawing = new_figure(DOUBLE, 3.0)
    axes = drawing.subplots()
    for k, (i, j) in enumerate(pairs):
        beside = 0.22 * (k - (len(pairs) - 1) / 2)
        _draw_pair(axes, values[:, :, i, j], beside, GROUPS[k], _named(context, i, j))
    if (first := first_weight(context)) is not None:
        axes.axhline(first, color=INK, linestyle=(0, (4, 3)), linewidth=0.8, zorder=1)
        axes.text(len(blocks) - 0.48, first, "first weight", va="center", color=INK)
    names = [block_title(block) for block in blocks]
    upright = LETTER * max(len(line) for name in names for line in name.split("\n")) > 5.5 / len(names)
    axes.set_xticks(range(len(blocks)), names, rotation=90 if upright else 0)
    axes.set(xlim=(-0.5, len(blocks) - 0.5), ylim=(0, 1.02), ylabel="weight")
    axes.set_yticks(np.linspace(0, 1, 6))
    axes.tick_params(axis="x", length=0)
    seeds = f"seed{'s' * (len(context.weights) > 1)} {', '.join(map(str, context.weights))}"
    said = f"Round {context.groups_round}, {seeds}. {said_of_few(context)}"
    drawing.legend(loc="outside upper center", ncols=len(pairs))
    drawing.supxlabel(textwrap.fill(said, LETTERS), fontsize=NORMAL)
    return drawing


def pairs_by_round(context: Context) -> Figure:
    """Draw a map for each pair: weights of the first seed, a row per round and a column per block."""
    seed, values = next(iter(context.weights.items()))
    rounds, blocks = values.shape[:2]
    pairs = _pairs(context)
    named = [block_title(block) for block in context.blocks()]
    longest = max(len(line) for name in named for line in name.split("\n"))
    drawing = new_figure(max(4.6, 1.2 + CELL * blocks), 0.8 + (0.55 + 0.2 * rounds) * len(pairs))
    panels = drawing.subplots(len(pairs), 1, squeeze=False)[:, 0].tolist()
    for axes, (i, j) in zip(panels, pairs, strict=True):
        numbered_map(axes, values[:, :, i, j])
        axes.set_title(_named(context, i, j))
        axes.set_yticks(np.arange(rounds), [f"round {number}" for number in range(1, rounds + 1)])
    rotation = 90 if LETTER * longest > CELL else 0
    panels[-1].set_xticks(np.arange(blocks), named, rotation=rotation)
    ended = diagnosis(list(values), context.label(context.in_rounds), context.datasets) or ""
    said = " ".join(filter(None, [f"Seed {seed}.", ended, said_of_few(context)]))
    drawing.supxlabel(textwrap.fill(said, int(drawing.get_figwidth() / LETTER)), fontsize=NORMAL)
    return drawing


def said_of_few(context: Context) -> str:
    """Return why there is no graph and no group, and further remarks on the weights."""
    if len(context.datasets) == 2:
        first = first_weight(context)
        value = "" if first is None else f" ({first:.2f})"
        said = (
            f"Two datasets: σ is the one distance there is, so the first weight is the same{value} "
            "whatever the data. Later ones say whether the two drew nearer since (above it) or apart."
        )
    else:
        said = f"Three datasets: who is nearest to whom. {verdict(context)}".strip()
    return " ".join(filter(None, [said, said_of_weights(context)]))


def first_weight(context: Context) -> float | None:
    """Return the weight of two networks in round 1, if no block and seed differ in it; else None."""
    if len(context.datasets) != 2:
        return None
    first = np.array([runs[0][:, 0, 1] for runs in context.weights.values()])
    return float(first.mean()) if np.ptp(first) < EVEN else None


def _pairs(context: Context) -> list[tuple[int, int]]:
    return list(combinations(range(len(context.datasets)), 2))


def _named(context: Context, i: int, j: int) -> str:
    return f"{context.label(context.datasets[i])} – {context.label(context.datasets[j])}"


def _draw_pair(axes: Axes, values: NDArray[np.float64], beside: float, colour: str, name: str) -> None:
    """Draw the weights of a pair, shape (seeds, B), `beside` the ticks of the blocks."""
    places = np.arange(values.shape[1]) + beside
    for of_seed in values:
        axes.plot(places, of_seed, "o", ms=4, mfc="white", mec=colour, mew=1, zorder=3)
    axes.hlines(values.mean(axis=0), places - 0.09, places + 0.09, color=colour, linewidth=2.2, label=name)
    for place in range(values.shape[1] - 1):
        axes.axvline(place + 0.5, color=RULE, linewidth=0.3, zorder=0)
