"""Networks on a circle, with edges between those that share: the drawing of both forms of Figure 2."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgba
from numpy.typing import NDArray

from jointnn.reporting.figures.style import GROUPS, NORMAL, RULE

WIDEST_EDGE = 3.0  # points, of the largest weight
LEAST_WIDEST = 0.05  # a smaller weight is never the widest edge: nearly nothing is drawn as that
NO_GROUP = -1  # the label of networks whose groups are not told apart

Edges = Mapping[tuple[int, int], float]


def points_on_circle(networks: int) -> NDArray[np.float64]:
    """Return the places of networks, shape (n, 2): on the unit circle, clockwise from the top."""
    angles = np.pi / 2 - 2 * np.pi * (np.arange(networks) + 0.5) / networks
    return np.stack([np.cos(angles), np.sin(angles)], axis=1)


def draw_edges(axes: Axes, networks: int, edges: Edges, colours: Mapping[tuple[int, int], str]) -> None:
    """Draw edges whose width and opacity follow their weight in 0..1, strong ones over weak ones."""
    points = points_on_circle(networks)
    ordered = sorted(edges, key=lambda ends: edges[ends])
    axes.add_collection(
        LineCollection(
            [points[list(ends)] for ends in ordered],
            colors=[to_rgba(colours[ends], 0.15 + 0.85 * edges[ends]) for ends in ordered],
            linewidths=[WIDEST_EDGE * edges[ends] for ends in ordered],
            capstyle="round",
            zorder=1,
        )
    )
    axes.set(xlim=(-1.25, 1.25), ylim=(-1.15, 1.15), aspect="equal", xticks=[], yticks=[])
    axes.spines[:].set_visible(False)


def draw_numbers(axes: Axes, labels: Sequence[int], markers: Sequence[str]) -> None:
    """Draw networks as numbered markers, in the colour of their group."""
    for index, (x, y) in enumerate(points_on_circle(len(labels)).tolist()):
        axes.plot(
            x, y, markers[index], color=group_colour(labels[index]), ms=13, mec="white", mew=1, zorder=2
        )
        axes.text(x, y, str(index + 1), color="white", weight="bold", ha="center", va="center_baseline")


def draw_names(axes: Axes, names: Sequence[str], labels: Sequence[int]) -> None:
    """Draw networks as dots in the colour of their group, with their names outside the circle."""
    for name, label, (x, y) in zip(names, labels, points_on_circle(len(names)).tolist(), strict=True):
        axes.plot(x, y, "o", color=group_colour(label), ms=7, mec="white", mew=0.8, zorder=2)
        sideways = "left" if x > 0.1 else "right" if x < -0.1 else "center"
        upright = "center" if abs(y) < 0.8 else "bottom" if y > 0 else "top"
        axes.text(1.1 * x, 1.1 * y, name, ha=sideways, va=upright, fontsize=NORMAL)


def group_colour(label: int) -> str:
    """Return the colour of a group's number; grey for `NO_GROUP`."""
    return RULE if label == NO_GROUP else GROUPS[label % len(GROUPS)]
