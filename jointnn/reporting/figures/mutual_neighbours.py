"""Figure 2 as in the paper: edges between networks that are among each other's most influential ones."""

import textwrap

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from jointnn.reporting.figures import figure
from jointnn.reporting.figures.caveats import said_of_weights, verdict
from jointnn.reporting.figures.circle_graph import (
    LEAST_WIDEST,
    NO_GROUP,
    draw_edges,
    draw_names,
    group_colour,
)
from jointnn.reporting.figures.context import NO_WEIGHTS, Context
from jointnn.reporting.figures.few_networks import LETTERS, is_few, pairs_by_block
from jointnn.reporting.figures.style import DOUBLE, NORMAL, new_figure, note, part_and_layers

NEIGHBOURS = 3
NUMBERS = {2: "two", 3: "three"}


@figure
def figure_2_sharing(context: Context) -> Figure:
    """Draw networks on a circle for a lower and an upper block: edges join mutual nearest neighbours.

    An edge is drawn where each of the two networks is among the other's three most influential ones,
    those with the largest weights; its width shows the weight, mean over seeds. Of four networks among
    the other's two, since each has three others. Below four: the weights of each pair. Reads weights.json
    of round `groups_round`.
    """
    if not context.weights:
        return note(NO_WEIGHTS)
    if is_few(context):
        return pairs_by_block(context)
    seeds = list(context.weights)
    mean = np.mean([context.weights[seed][context.groups_round - 1] for seed in seeds], axis=0)
    blocks = context.blocks()
    shown = middle_blocks(len(blocks))
    drawing = new_figure(DOUBLE / 2 * len(shown), 2.9)
    panels = drawing.subplots(1, len(shown), squeeze=False)[0].tolist()
    words = ["encoder", "decoder"] if any("decode" in block for block in blocks) else ["lower", "upper"]
    for axes, index, word in zip(panels, shown, words, strict=False):
        part, layers = part_and_layers(blocks[index])
        axes.set_title(f"{part}\n{word} block {layers}".strip())
        _draw_mutual(axes, context, mean[index])
    numbers = ", ".join(map(str, seeds))
    whose = f"mean over seeds {numbers}" if len(seeds) > 1 else f"seed {numbers}"
    colour = " Colour: planted group." if context.groups else ""
    among = neighbours(len(context.datasets))
    said = [
        f"Round {context.groups_round}, {whose}. Edges: each among the other's {NUMBERS[among]}.{colour}",
        verdict(context),
        said_of_weights(context),
    ]
    lines = [textwrap.fill(sentence, LETTERS) for sentence in said if sentence]
    width, height = drawing.get_size_inches()
    drawing.set_size_inches(width, height + 0.14 * (sum(line.count("\n") + 1 for line in lines) - 1))
    drawing.supxlabel("\n".join(lines), fontsize=NORMAL)
    return drawing


def neighbours(networks: int) -> int:
    """Return among how many of the other's strongest each end of an edge must be: three, or fewer.

    They are fewer than there are others, for else all pairs would have an edge.
    """
    return min(NEIGHBOURS, networks - 2)


def middle_blocks(blocks: int) -> list[int]:
    """Return the middle block of the first half, and its mirror image in the second half.

    A single block is both. Of an auto-encoder of nine layers, whose blocks are 0 to 7, they are 1 and 6.
    """
    low = max(0, (blocks // 2 - 1) // 2)
    return sorted({low, blocks - 1 - low})


def mutual_neighbours(
    weights: NDArray[np.float64], count: int = NEIGHBOURS
) -> dict[tuple[int, int], float]:
    """Return the weights of the pairs whose networks are mutual nearest neighbours.

    Each is among the `count` most influential networks of the other.

    Args:
        weights: of one block, shape (n, n). A network with the same weight as the last of the `count`
            counts too: nothing tells the two apart.
    """
    others = np.where(np.eye(len(weights), dtype=bool), -np.inf, weights)
    count = min(count, len(weights) - 1)
    least = np.sort(others, axis=1)[:, -count]
    chosen = others >= least[:, None]
    first, second = np.nonzero(np.triu(chosen & chosen.T, 1))
    ends = zip(first.tolist(), second.tolist(), strict=True)
    return {(i, j): float(weights[i, j]) for i, j in ends}


def _draw_mutual(axes: Axes, context: Context, weights: NDArray[np.float64]) -> None:
    """Draw edges relative to the widest one, and below what the widest and the narrowest stand for.

    All is grey where the seeds together tell no groups apart; planted groups keep their colours.
    """
    told_apart = context.found[context.groups_round - 1].told_apart
    usual = 0 if told_apart else NO_GROUP
    among = neighbours(len(weights))
    edges = mutual_neighbours(weights, among)
    largest = max(*edges.values(), LEAST_WIDEST) if edges else 1.0
    relative = {ends: weight / largest for ends, weight in edges.items()}
    draw_edges(axes, len(weights), relative, dict.fromkeys(edges, group_colour(usual)))
    names = [context.label(dataset) for dataset in context.datasets]
    draw_names(axes, names, context.planted() or [usual] * len(names))
    axes.set(xlim=(-1.6, 1.6), ylim=(-1.25, 1.25))
    if edges:
        low, high = min(edges.values()), max(edges.values())
        axes.set_xlabel(f"weights of the edges: {low:.2f} to {high:.2f}")
    else:
        axes.set_xlabel(f"no two are among each other's {NUMBERS[among]}")
