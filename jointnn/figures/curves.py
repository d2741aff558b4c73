"""Figure 3: how every method learns."""

from collections.abc import Sequence

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from jointnn.figures import figure
from jointnn.figures.context import Context
from jointnn.figures.style import DOUBLE, INK, RULE, look, new_figure, note
from jointnn.tables import measure_of

MARKS = 8  # markers on a curve
LOSS = "#882255"  # of the consistency loss: the colour of no method


@figure
def figure_3_curves(context: Context) -> Figure:
    """Test accuracy against steps, average over datasets, and the consistency loss of `joint`.

    Lines are means over seeds, bands one standard deviation. Right: the same, enlarged. Reads
    test_history.csv of every method and history.csv of the rounds of `joint`.
    """
    curves = {method: learning_curve(context, method) for method in context.methods}
    curves = {method: curve for method, curve in curves.items() if len(curve)}
    if not curves:
        return note("Figure 3 needs test_history.csv, which no run of this experiment has.")
    drawing = new_figure(DOUBLE, 3.0)
    whole, enlarged = drawing.subplots(1, 2, width_ratios=[3, 2])
    for axes in (whole, enlarged):
        for method, curve in curves.items():
            # Enlarged, the bands of all would hide the lines.
            banded = axes is whole or method in ("joint", "isolated")
            _draw_curve(axes, curve, context, method, banded)
        axes.set_xlabel("gradient steps per network")
    measure = measure_of(context.measure)
    unit = " (%)" if measure.factor == 100 else ""
    whole.set_ylabel(f"test {context.measure}{unit}")
    _draw_consistency_loss(whole, context)
    _enlarge(enlarged, list(curves.values()), higher=measure.higher_is_better)
    handles, names = whole.get_legend_handles_labels()
    drawing.legend(handles, names, loc="outside lower center", ncols=5, handlelength=3)
    return drawing


def learning_curve(context: Context, method: str) -> pd.DataFrame:
    """Mean and standard deviation over seeds of the measure on the test split, as it is printed.

    Returns:
        Index step, columns mean and std. Only steps at which every dataset was tested.
    """
    seeds = []
    for seed in context.seeds:
        rows = context.history(method, seed, "test_history.csv")
        rows = rows[(rows.metric == context.measure) & rows.dataset.isin(context.datasets)]
        by_step = rows.groupby("step").value
        seeds.append(by_step.mean()[by_step.count() == len(context.datasets)])
    table = pd.concat(seeds, axis=1).dropna(axis=1, how="all").dropna().astype(float)
    table *= measure_of(context.measure).factor
    return pd.DataFrame({"mean": table.mean(axis=1), "std": table.std(axis=1).fillna(0.0)}).sort_index()


def curves_table(context: Context) -> pd.DataFrame:
    """The learning curves as one table: column step, then the mean of every method that was tested."""
    curves = {method: learning_curve(context, method)["mean"] for method in context.methods}
    return (
        pd.DataFrame({name: curve for name, curve in curves.items() if len(curve)})
        .rename_axis("step")
        .reset_index()
    )


def _draw_curve(axes: Axes, curve: pd.DataFrame, context: Context, method: str, banded: bool) -> None:
    style = look(method, context.methods)
    marked = max(1, len(curve) // MARKS)
    order = 4 if method == "joint" else 3
    if banded:
        low, high = curve["mean"] - curve["std"], curve["mean"] + curve["std"]
        axes.fill_between(curve.index, low, high, color=style.colour, alpha=0.15, linewidth=0, zorder=2)
    axes.plot(
        curve.index, curve["mean"], color=style.colour, linestyle=style.line,
        linewidth=style.width, marker=style.marker, markersize=3.2 + style.width,
        markeredgewidth=0, markevery=marked, label=context.label(method), zorder=order,
    )  # fmt: skip


def _enlarge(axes: Axes, curves: Sequence[pd.DataFrame], higher: bool) -> None:
    """The second half of the steps, and of the values the range in which most methods end."""
    last = max(curve.index.max() for curve in curves)
    late = [curve[curve.index >= last / 2] for curve in curves]
    late = [curve for curve in late if len(curve)]
    ends = sorted((float(curve["mean"].iloc[-1]) for curve in late), reverse=higher)
    kept = ends[: max(1, round(0.8 * len(ends)))]  # a method that failed would flatten all others
    spread = max(float(curve["std"].mean()) for curve in late)
    margin = 0.5 * (max(kept) - min(kept)) + spread or 1.0
    axes.set_xlim(last / 2, last or 1)
    axes.set_ylim(min(kept) - 1.5 * margin, max(kept) + margin)
    axes.text(0.03, 0.97, "enlarged", transform=axes.transAxes, va="top", color=INK)


def _draw_consistency_loss(axes: Axes, context: Context) -> None:
    """Eq. (3) on a second axis; ticks on the first mark where a round begins."""
    tables = [context.history("joint", seed, "history.csv") for seed in context.seeds]
    rows = pd.concat(tables)
    rows = rows[(rows.dataset == "all") & (rows.metric == "consistency_loss") & (rows.part != "l2")]
    if rows.empty:
        return
    starts = pd.concat(tables).groupby("part").step.max()
    for step in starts[[part for part in context.parts("joint")[:-1] if part in starts.index]]:
        axes.axvline(step, ymax=0.03, color=RULE, linewidth=0.8, zorder=1)
    mean = rows.groupby("step").value.mean().astype(float)
    second = axes.twinx()
    second.plot(mean.index, mean, color=LOSS, linewidth=0.9, linestyle=(0, (1, 1)))
    # The loss keeps to the lower third, so that it does not cross the curves that matter.
    highest = float(mean.max()) or 1.0
    second.set_yticks(MaxNLocator(3).tick_values(0, highest))
    second.set_ylim(0, 3 * highest)
    second.spines["right"].set(visible=True, color=LOSS)
    second.tick_params(colors=LOSS)
    second.set_ylabel("consistency loss of joint", color=LOSS, loc="bottom")
    axes.plot([], [], color=LOSS, linewidth=0.9, linestyle=(0, (1, 1)), label="consistency loss of joint")
