"""Where the methods differ on the test split: paired by seed, and which classes they confuse."""

from collections.abc import Mapping
from itertools import product

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from jointnn.reporting.figures import figure
from jointnn.reporting.figures.context import Context
from jointnn.reporting.figures.style import INK, RULE, SINGLE, heat_map, look, new_figure, note

BASE = "isolated"
FAR = 3.0  # a method this many times farther off than joint and the median is drawn at the edge
CONFUSED = ["isolated", "shareall", "joint"]
MOST_TICKS = 6


@figure
def differences(context: Context) -> Figure:
    """Draw each method minus isolated training, average over datasets: dots are seeds, bars means.

    Reads results/<experiment>/s<seed>/metrics.csv.
    """
    table = paired_differences(context)
    if table.empty:
        return note("This figure needs isolated training and a method beside it.", SINGLE)
    drawing = new_figure(SINGLE, 0.8 + 0.22 * len(table.columns))
    axes = drawing.subplots()
    axes.set_xlim(*_limits(table))
    axes.locator_params(axis="x", nbins=6)  # of three decimals, more would touch
    for row, method in enumerate(table.columns):
        _draw_differences(axes, row, table[method].dropna(), look(method, context.methods).color)
    axes.axvline(0, color=INK, linewidth=0.6, zorder=1)
    axes.set_yticks(range(len(table.columns)), [context.label(name) for name in table.columns])
    axes.set_ylim(len(table.columns) - 0.4, -0.6)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    unit = context.drawn.unit_of_differences
    better = "right" if context.drawn.higher_is_better else "left"
    # Centred below the whole figure: beside long names the axes are narrower than these words.
    drawing.supxlabel(
        f"test {context.drawn.title}\nminus that of {context.label(BASE)} ({unit}; better: {better})",
        fontsize=axes.xaxis.label.get_fontsize(),
        multialignment="center",
    )
    return drawing


def _limits(table: pd.DataFrame) -> tuple[float, float]:
    """Return the range of differences to draw, without methods that are far off."""
    means = table.mean()
    usual = max(float(np.median(means.abs())), abs(float(means.get("joint", 0.0))))
    near = table.loc[:, means.abs() <= FAR * usual]
    low, high = min(0.0, float(near.min().min())), max(0.0, float(near.max().max()))
    margin = 0.1 * (high - low) or 1.0
    # The number beside an arrow at the edge needs room.
    left, right = (3.0 if (sign * means > FAR * usual).any() else 1.0 for sign in (-1, 1))
    return low - left * margin, high + right * margin


def paired_differences(context: Context) -> pd.DataFrame:
    """Return the test measure minus that of isolated training, average over datasets, in printed units.

    Returns:
        A row per seed, a column per method in the order of the context. Empty without isolated.
    """
    rows = context.metrics()
    if rows.empty:
        return rows
    rows = rows[(rows.split == "test") & (rows.metric == context.measure)]
    rows = rows[rows.dataset.isin(context.datasets)]
    table = rows.pivot_table(index="seed", columns="method", values="value", aggfunc="mean")
    count = rows.pivot_table(index="seed", columns="method", values="value", aggfunc="count")
    table = table.where(count == len(context.datasets))
    methods = [method for method in context.methods if method in table and method != BASE]
    if BASE not in table or BASE not in context.methods:
        return pd.DataFrame()
    difference = table[methods].sub(table[BASE], axis=0) * context.drawn.factor
    return difference.dropna(axis=1, how="all")


def _draw_differences(axes: Axes, row: int, values: pd.Series, colour: str) -> None:
    low, high = axes.get_xlim()
    mean = float(values.mean())
    if not low <= mean <= high:
        edge, marker = (low, "<") if mean < low else (high, ">")
        axes.plot(edge, row, marker, color=colour, ms=6, clip_on=False)
        text = f"  {mean:+.1f}  ".replace("-", "−")
        axes.text(edge, row, text, ha="left" if mean < low else "right", va="center", color=INK)
        return
    axes.plot([0, mean], [row, row], color=colour, linewidth=1, zorder=2)
    axes.plot([mean, mean], [row - 0.3, row + 0.3], color=colour, linewidth=2.2, zorder=3)
    axes.plot(values, [row] * len(values), "o", ms=4, mfc="white", mec=colour, mew=1, zorder=4)


@figure
def confusion(context: Context) -> Figure:
    """Draw label against prediction, a row per planted group (or dataset), for three methods.

    Counts are over all seeds and datasets of a group, as a fraction of each label's images. Reads
    results/<experiment>/s<seed>/evidence.safetensors.
    """
    rows = predictions(context)
    methods = [name for name in CONFUSED if name in context.methods and len(rows)]
    methods = [name for name in methods if (rows.method == name).any()]
    if not methods:
        return note("This figure needs the predictions of a task with classes.", SINGLE)
    groups: Mapping[str, list[str]] = (
        {name: list(members) for name, members in context.groups.items()}
        if context.groups
        else {context.label(dataset): [dataset] for dataset in context.datasets}
    )
    width = 0.75 + 1.15 * len(methods)
    drawing = new_figure(width, 0.35 + 1.15 * len(groups))
    panels = drawing.subplots(len(groups), len(methods), squeeze=False)
    matrices = [
        [confusion_matrix(rows[(rows.method == method) & rows.dataset.isin(members)]) for method in methods]
        for members in groups.values()
    ]
    for line, name in enumerate(groups):
        for column, (method, matrix) in enumerate(zip(methods, matrices[line], strict=True)):
            axes = panels[line, column]
            mesh = heat_map(axes, matrix)
            # The lowest row tells the classes of all that have as many.
            below = line == len(groups) - 1 or len(matrix) != len(matrices[-1][column])
            _name_classes(axes, len(matrix), left=column == 0, below=below)
            if line == 0:
                axes.set_title(context.label(method))
        panels[line, 0].set_ylabel(f"{name}\nlabel")
    for axes in panels[-1]:
        axes.set_xlabel("predicted")
    drawing.colorbar(mesh, ax=panels, label="fraction of a label", shrink=0.5, aspect=20, pad=0.02)
    return drawing


def predictions(context: Context) -> pd.DataFrame:
    """Return a row for every image of the test split, by method.

    Columns are method, dataset, label, predicted and seed.
    """
    tables = []
    for seed in context.seeds:
        evidence = context.evidence(seed)
        for method, dataset in product(context.methods, context.datasets):
            if (labels := evidence.get(f"{method}/{dataset}/label")) is not None:
                found = {"label": labels, "predicted": evidence[f"{method}/{dataset}/predicted"]}
                tables.append(pd.DataFrame(found).assign(method=method, dataset=dataset, seed=seed))
    return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()


def confusion_matrix(rows: pd.DataFrame) -> NDArray[np.float64]:
    """Return the fractions of each label's images by prediction, (classes, classes); NaN without images."""
    classes = 1 + int(max(rows.label.max(), rows.predicted.max())) if len(rows) else 1
    counts = np.zeros((classes, classes))
    np.add.at(counts, (rows.label.to_numpy(int), rows.predicted.to_numpy(int)), 1)
    total = counts.sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        return np.asarray(counts / total)


def _name_classes(axes: Axes, classes: int, left: bool, below: bool) -> None:
    ticks = np.arange(0, classes, -(-classes // MOST_TICKS))
    axes.spines[:].set(visible=True, color=RULE, linewidth=0.4)
    if left:
        axes.set_yticks(ticks + 0.5, [str(tick) for tick in ticks])
    if below:
        axes.set_xticks(ticks + 0.5, [str(tick) for tick in ticks])
