"""Where the codes of the branches of auto-encoders lie."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from jointnn.reporting.figures import figure
from jointnn.reporting.figures.branches import with_branches
from jointnn.reporting.figures.context import Context
from jointnn.reporting.figures.image_sheet import Evidence
from jointnn.reporting.figures.style import (
    CLASSES,
    DOUBLE,
    GROUPS,
    LETTER,
    NORMAL,
    OTHERS,
    PALE,
    RULE,
    new_figure,
    note,
)

MOST_POINTS = 1200
"""Points of a panel: more would make the SVG larger than half a megabyte, and hide one another."""
PERPLEXITY = 30.0
PANEL, LEGEND = 2.6, 0.7  # inches: the side of a panel, and the room for legends of short names
AREA = 6.0  # square points, of a dot


@figure
def codes(context: Context) -> Figure:
    """Draw t-SNE of the codes of each branch, all datasets together.

    Points are coloured by dataset and, below, by class where there are several, counted from 0 in each
    dataset. The codes are those of the first seed, and of `jae` if its networks have branches, else of
    `joint`, else of another method. Reads results/<experiment>/s<seed>/evidence.safetensors.
    """
    for seed in context.seeds:
        evidence = context.evidence(seed)
        for method, names in with_branches(context, evidence, "code").items():
            drawing = _drawn(context, evidence, method, names)
            said = f"t-SNE of the codes of {context.label(method)}, seed {seed}."
            drawing.supxlabel(said, fontsize=NORMAL)
            return drawing
    return note("This figure needs the codes of a network with several branches.")


@dataclass(frozen=True)
class Colouring:
    """A meaning of the colours of points.

    Attributes:
        index: of the colour and name of each point.
    """

    title: str
    index: NDArray[np.int64]
    names: Sequence[str]
    colours: Sequence[str]


def _drawn(context: Context, evidence: Evidence, method: str, names: Sequence[str]) -> Figure:
    """Return a figure with a column per branch, named above, and a row per colouring, its legend right."""
    parts = [f"{method}/{dataset}" for dataset in context.datasets]
    most = max(1, MOST_POINTS // len(parts))
    counts = [len(evidence[f"{part}/code_label"][:most]) for part in parts]
    # Points come in turns, so that no dataset lies over all the others.
    turns = np.argsort(np.concatenate([np.arange(count) for count in counts]), kind="stable")

    def joined(key: str) -> NDArray[np.float64]:
        return np.concatenate([evidence[f"{part}/{key}"][:most] for part in parts])[turns]

    datasets = np.repeat(np.arange(len(parts)), counts)[turns]
    labels = [context.label(dataset) for dataset in context.datasets]
    rows = [Colouring("dataset", datasets, labels, [*GROUPS, *OTHERS])]
    if np.ptp(classes := joined("code_label")):
        rows.append(by_class(classes))
    room = max(LEGEND, 0.3 + LETTER * max(map(len, labels)))
    side = min(PANEL, (DOUBLE - room) / len(names))
    drawing = new_figure(room + side * len(names), 0.5 + side * len(rows))
    drawing.set_layout_engine("compressed")  # panels are square, so constrained ones would stand apart
    panels = drawing.subplots(len(rows), len(names), squeeze=False)
    for column, name in enumerate(names):
        points = embedded(joined(f"code.{name}"))
        for axes, colouring in zip(panels[:, column], rows, strict=True):
            _scatter(axes, points, colouring)
        panels[0, column].set_title(name)
    for axes, colouring in zip(panels[:, -1], rows, strict=True):
        _legend(axes, colouring)
    return drawing


def by_class(labels: NDArray[np.float64]) -> Colouring:
    """Return a colouring by class. The most frequent classes have colours, in order; the rest is pale."""
    classes, counts = np.unique(labels.astype(int), return_counts=True)
    shown = np.sort(classes[np.argsort(-counts, kind="stable")[: len(CLASSES)]]).tolist()
    place = {label: index for index, label in enumerate(shown)}
    index = np.array([place.get(label, len(shown)) for label in labels.tolist()])
    names, colours = [str(label) for label in shown], CLASSES[: len(shown)]
    if len(classes) > len(shown):
        names, colours = [*names, "others"], [*colours, PALE]
    return Colouring("class", index, names, colours)


def embedded(codes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return points (N, 2) of codes (N, D) by t-SNE, each dimension standardised.

    The same codes always give the same points. If all codes are equal, as those of a branch that died, they
    become one point.
    """
    # These take seconds to import, and other figures do without them.
    from sklearn.manifold import TSNE
    from threadpoolctl import threadpool_limits

    varied = codes[:, np.ptp(codes, axis=0) > 0].astype(float)
    if len(varied) < 4 or varied.shape[1] == 0:
        return np.zeros((len(codes), 2))
    standard = (varied - varied.mean(axis=0)) / varied.std(axis=0)
    if standard.shape[1] == 1:  # t-SNE starts from two principal components
        standard = np.pad(standard, ((0, 0), (0, 1)))
    perplexity = min(PERPLEXITY, (len(standard) - 1) / 3)
    tsne = TSNE(init="pca", random_state=0, perplexity=perplexity)
    # Sums of several threads differ in their last digits, of which t-SNE makes another picture.
    with threadpool_limits(1):
        return np.asarray(tsne.fit_transform(standard), float)


def _scatter(axes: Axes, points: NDArray[np.float64], colouring: Colouring) -> None:
    """Draw points without ticks, both coordinates on one scale."""
    colours = [colouring.colours[index % len(colouring.colours)] for index in colouring.index.tolist()]
    # A clip path for every dot would make the SVG half as large again; all dots lie inside.
    axes.scatter(points[:, 0], points[:, 1], s=AREA, c=colours, linewidths=0, clip_on=False)
    low, high = points.min(axis=0), points.max(axis=0)
    reach = 0.54 * float((high - low).max()) or 1.0
    x, y = ((low + high) / 2).tolist()
    axes.set(xlim=(x - reach, x + reach), ylim=(y - reach, y + reach), aspect="equal", xticks=[], yticks=[])
    axes.spines[:].set(visible=True, color=RULE, linewidth=0.4)


def _legend(axes: Axes, colouring: Colouring) -> None:
    """Draw names with their colours, right of the panel."""
    handles = [
        Line2D(
            [],
            [],
            marker="o",
            ls="none",
            ms=5,
            color=colouring.colours[k % len(colouring.colours)],
            label=name,
        )
        for k, name in enumerate(colouring.names)
    ]
    legend = axes.legend(
        handles=handles, title=colouring.title, loc="center left", bbox_to_anchor=(1.02, 0.5),
        handletextpad=0.1, borderpad=0,
    )  # fmt: skip
    legend.set_alignment("left")
