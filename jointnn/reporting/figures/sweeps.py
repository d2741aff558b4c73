"""A measure against the number in which several experiments differ: a line per method."""

import math
import textwrap
from collections.abc import Mapping, Sequence
from itertools import accumulate

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from jointnn.reporting.figures.style import DOUBLE, INK, RULE, look, new_figure
from jointnn.reporting.tables import mean_and_deviation
from jointnn.reporting.tables.rendering import name_in
from jointnn.reporting.tables.sweeps import SweepResults

WIDTH, HEIGHT = DOUBLE, 3.6  # inches
MOST_COLUMNS = 5  # of the legend
SPREAD = 0.3  # how far methods stand apart, of the distance between two numbers
LETTERS = 26  # of a line of a yardstick's name
LINE = 0.052  # height of a line of such a name, of the height of the panel
GREY = "#777777"


def sweep_curve(results: SweepResults) -> Figure:
    """Draw the mean over seeds of every method at every number, yardsticks as dashed lines.

    Bars are one standard deviation. Numbers stand at even distances: 0 to 7000 on one axis would be legible
    on no scale of their own. Where a result is missing the line has a gap.
    """
    drawing = new_figure(WIDTH, HEIGHT)
    axes = drawing.subplots()
    methods = [*results.methods, *results.reference]
    for k, method in enumerate(methods):
        beside = SPREAD * (k / (len(methods) - 1) - 0.5) if len(methods) > 1 else 0.0
        _draw_method(axes, results, method, beside)
    axes.set_xticks(range(len(results.columns)), results.columns)
    axes.set_xlim(-0.5, len(results.columns) - 0.5)
    axes.set_xlabel(textwrap.fill(results.along, 80), parse_math=False)
    unit = {"per cent": "%"}.get(results.measure.unit, results.measure.unit)
    axes.set_ylabel(textwrap.fill(f"test {results.measure.title}, {results.place} ({unit})", 40))
    factor = results.measure.factor
    _draw_yardsticks(axes, {name: factor * value for name, value in results.yardsticks.items()})
    handles, names = axes.get_legend_handles_labels()
    columns = math.ceil(len(names) / math.ceil(len(names) / MOST_COLUMNS))
    drawing.legend(handles, names, loc="outside lower center", ncols=columns, handlelength=3)
    return drawing


def _draw_method(axes: Axes, results: SweepResults, method: str, beside: float) -> None:
    """Draw the line of a method, `beside` its ticks, so that the bars of others do not hide it."""
    style = look(method, [*results.methods, *results.reference])
    means, deviations = [], []
    for number in results.columns:
        values = [results.measure.factor * value for value in results.cell(method, number).values()]
        mean, deviation = mean_and_deviation(values) if values else (math.nan, None)
        means.append(mean)
        deviations.append(deviation or 0.0)
    axes.errorbar(
        [k + beside for k in range(len(means))], means, deviations, color=style.color,
        linestyle=style.line, linewidth=style.width, marker=style.marker,
        markersize=3.2 + style.width, markeredgewidth=0, elinewidth=0.8,
        label=name_in(results, method), zorder=4 if method == "joint" else 3,
    )  # fmt: skip


def _draw_yardsticks(axes: Axes, yardsticks: Mapping[str, float]) -> None:
    """Draw a dashed line per yardstick, its name to the right of the panel, beside others and not upon
    them."""
    for value in yardsticks.values():
        axes.axhline(value, color=GREY, linewidth=0.9, linestyle=(0, (4, 3)), zorder=1)
    low, high = axes.get_ylim()
    axes.set_ylim(low, high)  # the names must not move it
    names = {name: textwrap.fill(name, LETTERS) for name in yardsticks}
    heights = [LINE * (1 + text.count("\n")) for text in names.values()]
    places = [(value - low) / (high - low) for value in yardsticks.values()]
    arrow = {"arrowstyle": "-", "color": RULE, "linewidth": 0.6, "shrinkB": 0, "relpos": (0, 0.5)}
    for text, value, place in zip(names.values(), yardsticks.values(), apart(places, heights), strict=True):
        axes.annotate(
            text, (1, value), (1.05, place), xycoords=("axes fraction", "data"),
            textcoords="axes fraction", va="center", color=INK, parse_math=False,
            arrowprops=arrow,
        )  # fmt: skip


def apart(places: Sequence[float], heights: Sequence[float]) -> list[float]:
    """Return middles of texts near `places`, of which none covers another; between 0 and 1 if possible.

    Args:
        places: of the middles, as wished, in any order, as fractions of the height of the panel.
        heights: of the texts, in the same unit.
    """
    piles: list[list[int]] = []
    for k in sorted(range(len(places)), key=lambda k: places[k]):
        piles.append([k])
        # Piles that overlap become one, without gaps, as near as can be to where its texts wish to be.
        while len(piles) > 1 and _top(piles[-2], places, heights) > _bottom(piles[-1], places, heights):
            piles[-2:] = [piles[-2] + piles[-1]]
    found = list(places)
    for pile in piles:
        bottom = _bottom(pile, places, heights)
        for k, middle in zip(pile, _middles(pile, heights), strict=True):
            found[k] = bottom + middle
    return found


def _middles(pile: Sequence[int], heights: Sequence[float]) -> list[float]:
    """Return the middles of a pile's texts, counted from its bottom."""
    tops = list(accumulate(heights[k] for k in pile))
    return [top - heights[k] / 2 for k, top in zip(pile, tops, strict=True)]


def _bottom(pile: Sequence[int], places: Sequence[float], heights: Sequence[float]) -> float:
    """Return the bottom of a pile: least squared distances to the places, within 0 and 1 if it fits."""
    middles = _middles(pile, heights)
    wished = [places[k] - middle for k, middle in zip(pile, middles, strict=True)]
    height = sum(heights[k] for k in pile)
    return max(0.0, min(1.0 - height, sum(wished) / len(wished)))


def _top(pile: Sequence[int], places: Sequence[float], heights: Sequence[float]) -> float:
    return _bottom(pile, places, heights) + sum(heights[k] for k in pile)
