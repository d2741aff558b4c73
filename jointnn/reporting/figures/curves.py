"""Figures 3 and 5, and M of BEGAN: how every method learns."""

import textwrap
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import Locator, LogLocator, MaxNLocator, NullLocator

from jointnn.reporting.figures import figure
from jointnn.reporting.figures.context import Context
from jointnn.reporting.figures.style import DOUBLE, INK, RULE, grid_of, look, new_figure, note
from jointnn.tasks.measures import LOWEST

MARKS = 8  # markers on a curve
COLUMNS = 5  # of a legend, at most
LETTERS = 32  # of a line of an axis' label
LOSS = "#882255"  # of the consistency loss: the colour of no method
LEAST_CHANGE = 0.1  # of the consistency loss, relative to its largest value, to be drawn


@figure
def figure_3_curves(context: Context) -> Figure:
    """Draw the first measure on the test split against steps, and the consistency loss of `joint`.

    It is the average over datasets; lines are means over seeds, bands one standard deviation. Right: the
    same, enlarged. Reads test_history.csv of every method and history.csv of the rounds of `joint`.
    """
    curves = learning_curves(context, context.measure)
    if not curves:
        return note("Figure 3 needs test_history.csv, which no run of this experiment has.")
    drawing = new_figure(DOUBLE, 3.0)
    whole, enlarged = drawing.subplots(1, 2, width_ratios=[3, 2])
    _draw_curves(whole, curves, context, context.measure)
    # Enlarged, the bands of all would hide the lines.
    _draw_curves(enlarged, curves, context, context.measure, banded=("joint", "isolated"))
    enlarged.set_ylabel("")
    _draw_consistency_loss(whole, context)
    _enlarge(enlarged, list(curves.values()), higher=context.drawn.higher_is_better)
    _legend(drawing, whole)
    return drawing


@figure
def figure_5_errors(context: Context) -> Figure:
    """Draw the average test error of every method against steps, a panel for each measure that is an error.

    It is the average over datasets; lines are means over seeds, bands one standard deviation. A logarithmic
    scale shows more of errors. Reads test_history.csv of every method.
    """
    panels = {
        metric: learning_curves(context, metric)
        for metric in context.measures
        if context.measure_of(metric).best == LOWEST
    }
    panels = {metric: curves for metric, curves in panels.items() if curves}
    if not panels:
        return note("Figure 5 needs a test_history.csv with a measure that is an error.")
    width = DOUBLE if len(panels) > 1 else 0.7 * DOUBLE
    drawing, every = grid_of(len(panels), 2, width, 3.0)
    for axes, (metric, curves) in zip(every, panels.items(), strict=True):
        _draw_curves(axes, curves, context, metric)
        if context.measure_of(metric).logarithmic:
            _logarithmic(axes, curves)
    _legend(drawing, every[0])
    return drawing


@figure
def convergence(context: Context) -> Figure:
    """Draw the convergence measure M of BEGAN against steps, for every method.

    It is the average over datasets; lines are means over seeds, bands one standard deviation. Reads
    test_history.csv of every method.
    """
    curves = learning_curves(context, "convergence")
    if not curves:
        return note("This figure needs the convergence measure, which `began` has.")
    drawing = new_figure(0.7 * DOUBLE, 3.0)
    axes = drawing.subplots()
    _draw_curves(axes, curves, context, "convergence")
    _logarithmic(axes, curves)
    _legend(drawing, axes)
    return drawing


def learning_curves(context: Context, metric: str) -> dict[str, pd.DataFrame]:
    """Return the learning curve of every method that was tested, in the order of the context."""
    curves = {method: learning_curve(context, method, metric) for method in context.methods}
    return {method: curve for method, curve in curves.items() if len(curve)}


def learning_curve(context: Context, method: str, metric: str) -> pd.DataFrame:
    """Return mean and standard deviation over seeds of a metric on the test split, in printed units.

    Returns:
        Index step, columns mean and std. Only steps at which every dataset was tested.
    """
    seeds = []
    for seed in context.seeds:
        rows = context.history(method, seed, "test_history.csv")
        rows = rows[(rows.metric == metric) & rows.dataset.isin(context.datasets)]
        by_step = rows.groupby("step").value
        seeds.append(by_step.mean()[by_step.count() == len(context.datasets)])
    table = pd.concat(seeds, axis=1).dropna(axis=1, how="all").dropna().astype(float)
    table *= context.measure_of(metric).factor
    return pd.DataFrame({"mean": table.mean(axis=1), "std": table.std(axis=1).fillna(0.0)}).sort_index()


def curves_table(context: Context) -> pd.DataFrame:
    """Return the learning curves as one table: column step, then the mean of every tested method."""
    curves = learning_curves(context, context.measure)
    means = pd.DataFrame({method: curve["mean"] for method, curve in curves.items()})
    return means.rename_axis("step").reset_index()


def _draw_curves(
    axes: Axes,
    curves: Mapping[str, pd.DataFrame],
    context: Context,
    metric: str,
    banded: Sequence[str] | None = None,
) -> None:
    """Draw a line per method, with its band if it is among `banded` (none given: all), and the axes'
    labels."""
    for method, curve in curves.items():
        _draw_curve(axes, curve, context, method, banded is None or method in banded)
    measure = context.measure_of(metric)
    unit = {"per cent": "%"}.get(measure.unit, measure.unit)
    label = f"test {measure.title} ({unit})"
    if len(label) > LETTERS:  # the unit stays in one piece
        label = f"{textwrap.fill(f'test {measure.title}', LETTERS)}\n({unit})"
    axes.set(xlabel="gradient steps per network", ylabel=label)


def _legend(drawing: Figure, axes: Axes) -> None:
    handles, names = axes.get_legend_handles_labels()
    rows = -(-len(names) // COLUMNS)
    columns = -(-len(names) // rows)  # as many in every row
    drawing.legend(handles, names, loc="outside lower center", ncols=columns, handlelength=3)


def _logarithmic(axes: Axes, curves: Mapping[str, pd.DataFrame]) -> None:
    """Draw a logarithmic scale with plain numbers; zero, which has no logarithm, leaves it linear."""
    if min(curve["mean"].min() for curve in curves.values()) <= 0:
        return
    axes.set_yscale("log")
    axes.yaxis.set_major_locator(log_ticks(*axes.get_ylim()))
    axes.yaxis.set_major_formatter("{x:g}")
    axes.yaxis.set_minor_locator(NullLocator())


def log_ticks(low: float, high: float) -> Locator:
    """Return the ticks of a logarithmic axis: in a narrow range those of a linear one, which has more."""
    if high < 3.5 * low:
        return MaxNLocator(6, steps=[1, 2, 2.5, 5, 10])
    return LogLocator(subs=(1, 1.5, 2, 3, 5, 7))


def _draw_curve(axes: Axes, curve: pd.DataFrame, context: Context, method: str, banded: bool) -> None:
    style = look(method, context.methods)
    marked = max(1, len(curve) // MARKS)
    order = 4 if method == "joint" else 3
    if banded:
        low, high = curve["mean"] - curve["std"], curve["mean"] + curve["std"]
        axes.fill_between(curve.index, low, high, color=style.color, alpha=0.15, linewidth=0, zorder=2)
    axes.plot(
        curve.index, curve["mean"], color=style.color, linestyle=style.line,
        linewidth=style.width, marker=style.marker, markersize=3.2 + style.width,
        markeredgewidth=0, markevery=marked, label=context.label(method), zorder=order,
    )  # fmt: skip


def _enlarge(axes: Axes, curves: Sequence[pd.DataFrame], higher: bool) -> None:
    """Draw the second half of the steps, and of the values the range in which most methods end."""
    last = max(curve.index.max() for curve in curves)
    late = [curve[curve.index >= last / 2] for curve in curves]
    late = [curve for curve in late if len(curve)]
    ends = sorted((float(curve["mean"].iloc[-1]) for curve in late), reverse=higher)
    kept = ends[: max(1, round(0.8 * len(ends)))]  # a method that failed would flatten all others
    spread = max(float(curve["std"].mean()) for curve in late)
    margin = 0.5 * (max(kept) - min(kept)) + spread or 1.0
    axes.set_xlim(last / 2, last or 1)
    below, above = (1.5, 1.0) if higher else (1.0, 1.5)
    axes.set_ylim(min(kept) - below * margin, max(kept) + above * margin)
    x, side = (0.03, "left") if higher else (0.97, "right")
    axes.text(x, 0.97, "enlarged", transform=axes.transAxes, ha=side, va="top", color=INK)


def _draw_consistency_loss(axes: Axes, context: Context) -> None:
    """Draw eq. (3) on a second axis, unless it stays as it is and tells nothing.

    Ticks on the first axis mark where a round begins.
    """
    method = context.in_rounds
    first, *rounds = context.folders_of_training(method)
    tables = [context.history(method, seed, "history.csv") for seed in context.seeds]
    rows = pd.concat(tables)
    rows = rows[(rows.dataset == "all") & (rows.metric == "consistency_loss") & (rows.part != first)]
    if rows.empty:
        return
    starts = pd.concat(tables).groupby("part").step.max()
    for step in starts[[part for part in [first, *rounds][:-1] if part in starts.index]]:
        axes.axvline(step, ymax=0.03, color=RULE, linewidth=0.8, zorder=1)
    mean = rows.groupby("step").value.mean().astype(float)
    if np.ptp(mean) < LEAST_CHANGE * mean.abs().max():
        return
    second = axes.twinx()
    second.plot(mean.index, mean, color=LOSS, linewidth=0.9, linestyle=(0, (1, 1)))
    # The loss keeps to the third that the curves leave early, so that it does not cross them.
    highest = float(mean.max()) or 1.0
    second.set_yticks(MaxNLocator(3).tick_values(0, highest))
    rising = context.drawn.higher_is_better
    second.set_ylim(*((0, 3 * highest) if rising else (-2 * highest, 1.1 * highest)))
    second.spines["right"].set(visible=True, color=LOSS)
    second.tick_params(colors=LOSS)
    second.set_ylabel(f"consistency loss of {method}", color=LOSS, loc="bottom" if rising else "top")
    axes.plot(
        [], [], color=LOSS, linewidth=0.9, linestyle=(0, (1, 1)), label=f"consistency loss of {method}"
    )
