"""Results over seeds: the rows of metrics.csv and summary.csv, and the values of tables."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from jointnn.io.files import read_table
from jointnn.reporting.measures import read_measures
from jointnn.reporting.notes_on_data import NotesOnData
from jointnn.tasks.measures import COLLAPSED, DIVERGED, Measure, measure_of

KEYS = ["experiment", "method", "seed", "dataset", "metric", "split"]
AVERAGE = "average"
NOISE = 0.05
"""Below this chance a difference is beyond noise."""
LEAST_SEEDS = 3
"""With fewer of them nothing is said of noise."""


def read_metrics(
    experiment: str, methods: Sequence[str], datasets: Sequence[str], seeds: Sequence[int]
) -> pd.DataFrame:
    """Return all metrics of an experiment, in the order of the arguments, with the dataset `average`.

    Reads results/<experiment>/s<seed>/metrics.csv. `average` is the mean over all datasets; where
    one of them is missing there is none, since a mean over fewer cannot be compared.

    Returns:
        Columns experiment, method, seed, dataset, metric, split, value: one row per seed.
    """
    folder = Path("results", experiment)
    tables = [read_table(folder / f"s{seed}" / "metrics.csv", *KEYS, "value") for seed in seeds]
    rows = pd.concat(tables, ignore_index=True).dropna(subset="value")
    wanted = rows.method.isin(methods) & rows.dataset.isin(datasets) & rows.seed.isin(seeds)
    rows = rows.loc[wanted, [*KEYS, "value"]].drop_duplicates(KEYS, keep="last")
    groups = rows.groupby([key for key in KEYS if key != "dataset"], sort=False).value
    complete = groups.mean()[groups.count() == len(datasets)].reset_index()
    rows = pd.concat([rows, complete.assign(dataset=AVERAGE)], ignore_index=True)
    order = {name: index for index, name in enumerate([*methods, *datasets, AVERAGE])}
    return rows.sort_values(
        ["method", "dataset", "metric", "split", "seed"],
        key=lambda column: (
            column.map(order) if column.name in ("method", "dataset") else column  # as asked for
        ),
        ignore_index=True,
    )


def summarise(metrics: pd.DataFrame) -> pd.DataFrame:
    """Return mean, standard deviation (n - 1; empty for one seed) and number of seeds of each metric."""
    groups = metrics.groupby([key for key in KEYS if key != "seed"], sort=False).value
    return groups.agg(mean="mean", std="std", seeds="count").reset_index()


@dataclass(frozen=True)
class Results:
    """The values of one measure on the test split, of which a table is made.

    Attributes:
        measure: as the task has told it.
        values: (method, dataset or `average`) -> {seed: value}.
        reference: methods that are told what the others are not: never bold, below a rule.
        sources: where each dataset came from.
        collapsed: (method, dataset) -> seeds whose network ended in an alarm of its task.
        diverged: (method, dataset) -> seeds whose run diverged; they have no values.
        features: the network in whose features generated images are measured, if any.
        generated: how many of them, where an experiment says so.
        notes: remarks on the images.
        seen: datasets whose images the networks have probably seen before.
        corners: methods whose settings make them another one, and which.
    """

    experiment: str
    measure: Measure
    methods: list[str]
    datasets: list[str]
    seeds: list[int]
    values: Mapping[tuple[str, str], Mapping[int, float]]
    reference: list[str] = field(default_factory=list)
    selection: str = ""
    sources: Mapping[str, str] = field(default_factory=dict)
    seen: list[str] = field(default_factory=list)
    features: str | None = None
    generated: int | None = None
    notes: NotesOnData = field(default_factory=NotesOnData)
    collapsed: Mapping[tuple[str, str], Sequence[int]] = field(default_factory=dict)
    diverged: Mapping[tuple[str, str], Sequence[int]] = field(default_factory=dict)
    corners: Mapping[str, str] = field(default_factory=dict)

    @property
    def columns(self) -> list[str]:
        return [*self.datasets, AVERAGE]

    def cell(self, method: str, dataset: str) -> Mapping[int, float]:
        """Return the value of each seed that has one."""
        return self.values.get((method, dataset), {})

    def is_best(self, method: str, dataset: str) -> bool:
        """Return whether no competitor prints a better mean. A cell that lacks seeds is never best.

        A row that is another method under its own name does not share the first place with that one.
        """
        if method in self.reference or not self._complete(method, dataset):
            return False
        competitors = [name for name in self.methods if self._complete(name, dataset)]
        scores = {name: self.measure.score(self._printed_mean(name, dataset)) for name in competitors}
        if scores[method] == scores.get(self.corners.get(method, "")):
            return False
        return scores[method] == max(scores.values())

    def paired(self, method: str, other: str, dataset: str = AVERAGE) -> list[float]:
        """Return `method` minus `other` on a dataset or on average, a number per seed that both have."""
        return [ours - theirs for ours, theirs in self._pairs(method, other, dataset)]

    def won(self, method: str, other: str, dataset: str = AVERAGE) -> int:
        """Return the number of these seeds on which `method` is the better one."""
        score = self.measure.score
        return sum(score(ours) > score(theirs) for ours, theirs in self._pairs(method, other, dataset))

    def harmed(self, method: str, other: str) -> list[str]:
        """Return the datasets on which `method` is worse than `other` beyond noise.

        A paired t-test over seeds, one-sided, then gives chance less than `NOISE`. With fewer than three
        seeds no dataset counts as harmed.
        """
        score = self.measure.score
        found = []
        for dataset in self.datasets:
            worse = [score(theirs) - score(ours) for ours, theirs in self._pairs(method, other, dataset)]
            if _beyond_noise(worse):
                found.append(dataset)
        return found

    def behind(self, method: str, other: str, dataset: str = AVERAGE) -> bool | None:
        """Return whether `method` is worse than `other` by more than the standard error of the difference.

        That is, of the mean over seeds of paired differences; None of fewer than two. It speaks sooner than
        `harmed`, which warns: a claim to be level with the best must survive it.
        """
        score = self.measure.score
        worse = [score(theirs) - score(ours) for ours, theirs in self._pairs(method, other, dataset)]
        if not worse:
            return None
        mean, deviation = mean_and_deviation(worse)
        return None if deviation is None else mean > deviation / math.sqrt(len(worse))

    def relative(self, method: str, other: str) -> list[float]:
        """Return `method` minus `other` on average over what `other` has, in per cent, by seed."""
        return [100 * (ours - theirs) / theirs for ours, theirs in self._pairs(method, other)]

    def _pairs(self, method: str, other: str, dataset: str = AVERAGE) -> list[tuple[float, float]]:
        """Return the values of two methods on a dataset or on average, for each seed that both have."""
        ours, theirs = self.cell(method, dataset), self.cell(other, dataset)
        return [(ours[seed], theirs[seed]) for seed in self.seeds if seed in ours and seed in theirs]

    def _complete(self, method: str, dataset: str) -> bool:
        return len(self.cell(method, dataset)) == len(self.seeds)

    def _printed_mean(self, method: str, dataset: str) -> float:
        # Bold for one of two numbers that print alike would look like a mistake.
        values = list(self.cell(method, dataset).values())
        return float(self.measure.number(sum(values) / len(values)))


def results_from(
    metrics: pd.DataFrame, settings: Mapping[str, Any], metric: str, notes: NotesOnData | None = None
) -> Results:
    """Return the test results of one metric, as tables need them (settings: stage collect).

    The task's description of it is read beside the metrics of each seed.
    """
    told = read_measures(settings["experiment"], settings["seeds"])
    rows = metrics[(metrics.metric == metric) & (metrics.split == "test")]
    apart = list(settings.get("reference") or [])
    reference = [name for name in apart if (rows.method == name).any()]
    values: dict[tuple[str, str], dict[int, float]] = {}
    for method, dataset, seed, value in zip(rows.method, rows.dataset, rows.seed, rows.value, strict=True):
        values.setdefault((method, dataset), {})[int(seed)] = float(value)
    return Results(
        experiment=settings["experiment"],
        measure=measure_of(metric, told),
        methods=[method for method in settings["methods"] if method not in apart],
        datasets=list(settings["datasets"]),
        seeds=list(settings["seeds"]),
        values=values,
        reference=reference,
        selection=settings.get("selection") or "",
        sources=settings.get("sources") or {},
        seen=list(settings.get("seen") or []),
        features=settings.get("features"),
        generated=settings.get("generated"),
        notes=notes or NotesOnData(),
        collapsed=_seeds_with(metrics, COLLAPSED.name),
        diverged=_seeds_with(metrics, DIVERGED.name),
        corners=settings.get("corners") or {},
    )


def _seeds_with(metrics: pd.DataFrame, flag: str) -> dict[tuple[str, str], list[int]]:
    """Return the seeds for which a metric that is 0 or 1 is 1, by (method, dataset)."""
    rows = metrics[(metrics.metric == flag) & (metrics.split == "test") & (metrics.value > 0)]
    found: dict[tuple[str, str], list[int]] = {}
    for method, dataset, seed in zip(rows.method, rows.dataset, rows.seed, strict=True):
        found.setdefault((method, dataset), []).append(int(seed))
    return found


def _beyond_noise(differences: Sequence[float]) -> bool:
    """Return whether the mean of differences is above 0 by more than chance gives."""
    if len(differences) < LEAST_SEEDS:
        return False
    if len(set(differences)) == 1:  # no noise at all, and no test either
        return differences[0] > 0
    from scipy.stats import ttest_1samp

    return float(ttest_1samp(differences, 0, alternative="greater").pvalue) < NOISE


def mean_and_deviation(values: Sequence[float]) -> tuple[float, float | None]:
    """Return mean and standard deviation (n - 1); the deviation is None for one value."""
    series = pd.Series(list(values), dtype=float)
    return float(series.mean()), float(series.std()) if len(series) > 1 else None
