"""Groups that share: Figure 2, the graph of the weights, and the groups that each seed found."""

import textwrap
from dataclasses import dataclass

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from jointnn.irls.groups import (
    adjusted_rand_index,
    diagnosis,
    find_groups,
    inside_and_across,
    separation,
)
from jointnn.irls.told_apart import NOT_TOLD_APART
from jointnn.reporting.figures import figure
from jointnn.reporting.figures.caveats import said_of_weights, verdict
from jointnn.reporting.figures.circle_graph import (
    LEAST_WIDEST,
    NO_GROUP,
    draw_edges,
    draw_numbers,
    group_colour,
)
from jointnn.reporting.figures.context import NO_WEIGHTS, Context
from jointnn.reporting.figures.few_networks import is_few, pairs_by_block
from jointnn.reporting.figures.style import DOUBLE, MARKERS, NORMAL, RULE, block_title, grid_of, note

LIGHTEST_EDGE = 0.02  # one of less, relative to the widest, is not drawn
LETTERS_PER_LINE = 105  # of the caption, in two columns


@figure
def figure_2_groups(context: Context) -> Figure:
    """Draw networks on a circle, a graph per block: edges by relative weight, found groups in colour.

    A network's marker shows its planted group. Groups that are not told apart have no colour, and the
    figure says why. Below four networks: the weights of each pair. Reads weights.json of round
    `groups_round`.
    """
    if not context.weights:
        return note(NO_WEIGHTS)
    if is_few(context):
        return pairs_by_block(context)
    rounds = list(context.weights.values())
    chosen = np.mean(rounds, axis=0) if context.mean_over_seeds else rounds[0]
    circle = _circle(context, chosen)
    caption = [*_caption(context), f"Widest edge: a weight of {circle.largest:.2f}."]
    drawing, panels = grid_of(len(circle.weights), 4, DOUBLE, 2.1)
    width, height = drawing.get_size_inches()
    legend_columns = min(4, -(-len(circle.labels) // 2))
    legend_rows = -(-len(circle.labels) // legend_columns)
    drawing.set_size_inches(width, height + 0.16 * (legend_rows + len(caption)))
    for axes, block, weights in zip(panels, context.blocks(), circle.weights, strict=True):
        axes.set_title(block_title(block))
        axes.set_xlabel(_below(weights, circle.labels))
        _draw_graph(axes, circle, weights / circle.largest)
    legend = drawing.legend(
        handles=_handles(circle),
        loc="outside lower center",
        ncols=legend_columns,
        title="\n".join(caption),
    )
    legend.get_title().set(fontsize=NORMAL, multialignment="center")
    return drawing


@dataclass(frozen=True)
class Circle:
    """The networks in the order in which they stand on the circle: group by group.

    Attributes:
        weights: of one round, shape (B, n, n).
        labels: found groups; `NO_GROUP` throughout if they are not told apart.
        markers: one per planted group.
    """

    names: list[str]
    weights: NDArray[np.float64]
    labels: list[int]
    markers: list[str]

    @property
    def largest(self) -> float:
        """Return the weight of the widest edge: the largest between two networks, never near 0."""
        apart = ~np.eye(self.weights.shape[-1], dtype=bool)
        return float(max(self.weights[:, apart].max(), LEAST_WIDEST))


def _circle(context: Context, chosen: NDArray[np.float64]) -> Circle:
    told_apart = context.found[context.groups_round - 1].told_apart
    labels = context.found_groups(chosen) if told_apart else [NO_GROUP] * len(context.datasets)
    planted = context.planted() or [0] * len(labels)
    order = sorted(range(len(labels)), key=lambda index: (labels[index], planted[index]))
    return Circle(
        names=[context.label(context.datasets[index]) for index in order],
        weights=chosen[context.groups_round - 1][:, order][:, :, order],
        labels=[labels[index] for index in order],
        markers=[MARKERS[planted[index] % len(MARKERS)] for index in order],
    )


def _below(weights: NDArray[np.float64], labels: list[int]) -> str:
    """Return the text below a graph: mean weights inside and across groups; without groups, the range."""
    if NO_GROUP in labels:
        pairs = weights[~np.eye(len(weights), dtype=bool)]
        return f"weights {pairs.min():.2f} to {pairs.max():.2f}"
    inside, across = inside_and_across(weights, labels)
    return f"inside {inside:.2f}, across {across:.2f}".replace("nan", "–")


def _draw_graph(axes: Axes, circle: Circle, weights: NDArray[np.float64]) -> None:
    first, second = np.triu_indices(len(weights), 1)
    ends = list(zip(first.tolist(), second.tolist(), strict=True))
    edges = {(i, j): float(weights[i, j]) for i, j in ends if weights[i, j] >= LIGHTEST_EDGE}
    same = {(i, j): circle.labels[i] == circle.labels[j] for i, j in edges}
    colours = {(i, j): group_colour(circle.labels[i]) if same[i, j] else RULE for i, j in edges}
    draw_edges(axes, len(weights), edges, colours)
    draw_numbers(axes, circle.labels, circle.markers)


def _handles(circle: Circle) -> list[Line2D]:
    """Return a legend entry per network: number, name, colour of the found group, marker of the planted."""
    return [
        Line2D([], [], marker=marker, color=group_colour(label), ls="none", ms=6, label=f"{number} {name}")
        for number, (name, label, marker) in enumerate(
            zip(circle.names, circle.labels, circle.markers, strict=True), 1
        )
    ]


def _caption(context: Context) -> list[str]:
    seed = "mean over seeds" if context.mean_over_seeds else f"seed {next(iter(context.weights))}"
    line = f"Round {context.groups_round}, {seed}"
    said = [verdict(context), said_of_weights(context)]
    sentences = [line for one in said for line in textwrap.wrap(one, LETTERS_PER_LINE)]
    if context.found[context.groups_round - 1].told_apart:
        line += ". Colour: found group"
    planted = context.planted()
    if planted is None:
        return [f"{line}.", *sentences]
    indices = [
        f"{adjusted_rand_index(context.found_groups(weights), planted):.2f}"
        for weights in context.weights.values()
    ]
    seeds = f"seed{'s' * (len(indices) > 1)} {', '.join(map(str, context.weights))}"
    agreement = f"Adjusted Rand index of {seeds}: {', '.join(indices)}."
    return [f"{line}; marker: planted group.", *sentences, *textwrap.wrap(agreement, LETTERS_PER_LINE)]


def groups_table(context: Context) -> pd.DataFrame:
    """Return the groups that every seed found in every round; empty without weights.

    Returns:
        Columns seed, round, separation, adjusted_rand_index (empty without planted groups), groups
        (datasets of a group with a space between them, groups with " | "; where the seeds together do not
        tell groups of the round apart, that and why) and diagnosis (last round).
    """
    planted = context.planted()
    rows = []
    for seed, weights in context.weights.items():
        for number, of_round in enumerate(weights, 1):
            labels = find_groups(of_round, context.groups_count)
            doubt = context.found[number - 1].doubt
            members = [
                " ".join(name for name, home in zip(context.datasets, labels, strict=True) if home == g)
                for g in sorted(set(labels))
            ]
            named = f"{NOT_TOLD_APART}: {doubt}" if doubt else " | ".join(members)
            index = adjusted_rand_index(labels, planted) if planted else None
            said = (
                diagnosis(list(weights), context.label(context.in_rounds), context.datasets)
                if number == len(weights)
                else None
            )
            gap = separation(of_round, labels)
            rows.append((seed, number, gap, index, named, said))
    columns = ["seed", "round", "separation", "adjusted_rand_index", "groups", "diagnosis"]
    return pd.DataFrame(rows, columns=columns)
