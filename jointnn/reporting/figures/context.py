"""The data of figures: the settings of the stage that draws them and the files of an experiment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from jointnn.errors import UserError
from jointnn.io import paths
from jointnn.io.files import read_json, read_table
from jointnn.io.tensors import diverged, read_tensors
from jointnn.irls.groups import find_groups, planted_labels
from jointnn.irls.told_apart import Groups
from jointnn.methods.settings import Strength
from jointnn.parameters.rows import printed
from jointnn.reporting.measures import read_measures
from jointnn.reporting.split_halves import ratios_of
from jointnn.tasks.measures import Measure, measure_of

NO_WEIGHTS = "This figure needs the weights of a method with rounds, and none was run, or it diverged."


@dataclass(frozen=True)
class Context:
    """An experiment as figures see it. Results of what was not run are None or empty, never an error.

    Attributes:
        rounds: of each method whose rounds are jobs of their own, how many there are.
        groups: planted groups by name; None if none were planted.
        groups_round: the round at which groups are read.
        labels: names to print instead of the usual ones of datasets and methods.
        size: of the prepared images, in pixels; None if there are none to show.
        mean_over_seeds: Figure 2 shows the mean over seeds instead of the first seed.
    """

    experiment: str
    methods: Sequence[str]
    datasets: Sequence[str]
    seeds: Sequence[int]
    rounds: Mapping[str, int] = field(default_factory=dict)
    groups: Mapping[str, Sequence[str]] | None = None
    groups_round: int = 1
    measures: Sequence[str] = ("accuracy",)
    labels: Mapping[str, str] = field(default_factory=dict)
    size: int | None = None
    mean_over_seeds: bool = False

    @classmethod
    def of(cls, settings: Mapping[str, Any]) -> "Context":
        """Return the context of the settings of stage `figures`. Keys that no figure reads are left out.

        Raises:
            UserError: a dataset stands in no planted group or in several; `groups_round` is no round.
        """
        known = {name: settings.get(name) for name in cls.__dataclass_fields__}
        last = max((known["rounds"] or {}).values(), default=None)
        known["groups_round"] = known["groups_round"] or last
        context = cls(**{name: value for name, value in known.items() if value is not None})
        context.planted()
        if last and not 1 <= context.groups_round <= last:
            raise UserError(
                f"groups_round: {context.groups_round} is none of the {last} rounds. It is "
                "the round at which groups are read from the weights."
            )
        return context

    def label(self, name: str) -> str:
        """Return the printed name of a dataset or method."""
        return self.labels.get(name, printed(name))

    def planted(self) -> list[int] | None:
        """Return the planted group of each dataset; None if none were planted."""
        return planted_labels(self.groups, self.datasets) if self.groups else None

    def folder(self, seed: int) -> Path:
        """Return the folder of all that one seed trained."""
        return Path(paths.seed_folder(self.experiment, seed))

    def folders_of_training(self, method: str) -> list[str]:
        """Return the folders of a method in order: one, or those of its L2 start and its rounds."""
        if method not in self.rounds:
            return [method]
        rounds = range(1, self.rounds[method] + 1)
        return [f"{method}/l2", *(f"{method}/round_{number}" for number in rounds)]

    @property
    def in_rounds(self) -> str:
        """Return the method whose weights are shown: the first whose rounds are jobs; "" for none."""
        return next((name for name in self.methods if name in self.rounds), "")

    def history(self, method: str, seed: int, name: str) -> pd.DataFrame:
        """Return history.csv or test_history.csv of a method, its parts joined; empty if it was not run.

        Returns:
            Columns step, split, dataset, metric, value, and part (the folder it came from).
        """
        columns = ["step", "split", "dataset", "metric", "value", "part"]
        tables = [pd.DataFrame(columns=columns)]
        if method in self.methods:
            files = {part: self.folder(seed) / part / name for part in self.folders_of_training(method)}
            found = [
                read_table(path, *columns[:-1]).assign(part=part)
                for part, path in files.items()
                if path.exists()
            ]
            # A round that begins and ends between two records of all methods is not measured.
            tables = [table for table in found if len(table)] or tables
        # A converged round repeats its parent's rows.
        keys = ["step", "split", "dataset", "metric"]
        return pd.concat(tables, ignore_index=True).drop_duplicates(keys, ignore_index=True)

    @cached_property
    def weights(self) -> dict[int, NDArray[np.float64]]:
        """Return the weights (K, B, n, n) of every seed that has all rounds, in the order of datasets.

        The weights of a run that diverged say nothing and are left out.
        """
        found = {}
        for seed in self.seeds:
            records = self._weight_records(seed)
            if not records:
                continue
            order = [records[0]["datasets"].index(dataset) for dataset in self.datasets]
            weights = np.array([record["weights"] for record in records], float)
            found[seed] = weights[..., order, :][..., order]
        return found

    @property
    def groups_count(self) -> int | None:
        """Return the number of planted groups; None if none were planted."""
        return len(self.groups) if self.groups else None

    def found_groups(self, weights: NDArray[np.float64]) -> list[int]:
        """Return the groups at `groups_round` in one seed's weights (K, B, n, n), as many as planted."""
        return find_groups(weights[self.groups_round - 1], self.groups_count)

    @cached_property
    def found(self) -> list[Groups]:
        """Return the groups of every round, found in the mean over seeds; [] if there are no weights."""
        of_rounds = zip(*self.weights.values(), strict=True)
        return [Groups.of(runs, self.groups_count) for runs in of_rounds]

    @property
    def pulls_nothing(self) -> bool:
        """Return whether the rounds were trained without coupling, as the record of the last one says.

        So they are where validation chose a half-life without end: then the weights are mere distances.
        """
        part = self.folders_of_training(self.in_rounds)[-1]
        record = self.folder(next(iter(self.weights), 0)) / part / "settings.json"
        settings = read_json(record).get("settings", {}) if record.exists() else {}
        given = settings.get("strength")
        return bool(given) and Strength.model_validate(given, by_name=True).pulls_nothing

    @cached_property
    def ratios(self) -> pd.DataFrame:
        """Return the distances of datasets in units of the null of split halves, as `ratios_of` does.

        Empty where halves were not trained.
        """
        return ratios_of(self.experiment, self.seeds, self.in_rounds)

    def blocks(self) -> list[str]:
        """Return the names of the blocks; [] if there are no weights."""
        seeds = list(self.weights)
        return list(self._weight_records(seeds[0])[0]["blocks"]) if seeds else []

    def metrics(self) -> pd.DataFrame:
        """Return the rows of results/<experiment>/s<seed>/metrics.csv of all seeds that have one."""
        folder = Path("results", self.experiment)
        files = {seed: folder / f"s{seed}" / "metrics.csv" for seed in self.seeds}
        tables = [
            read_table(path, "metric", "value").assign(seed=seed)
            for seed, path in files.items()
            if path.exists()
        ]
        return pd.concat(tables, ignore_index=True) if tables else pd.DataFrame()

    @property
    def measure(self) -> str:
        """Return the metric that is drawn: the first of the experiment's measures."""
        return self.measures[0]

    @property
    def drawn(self) -> Measure:
        """Return the measure of that metric: how it is printed, and which way is better."""
        return self.measure_of(self.measure)

    def measure_of(self, metric: str) -> Measure:
        """Return the measure of a metric, as the task has told it: its print, and which way is better."""
        return measure_of(metric, self._told)

    @cached_property
    def _told(self) -> dict[str, Measure]:
        return read_measures(self.experiment, self.seeds)

    def evidence(self, seed: int) -> dict[str, NDArray[Any]]:
        """Return the task's evidence on the networks of a seed, by names such as joint/birds/predicted.

        It is empty where there is none.
        """
        path = Path("results", self.experiment, f"s{seed}", "evidence.safetensors")
        return read_tensors(path)[0] if path.exists() else {}

    def images_of(
        self, evidence: Mapping[str, NDArray[Any]], method: str, key: str, count: int | None = None
    ) -> list[NDArray[np.uint8]]:
        """Return the first `count` images, or all, under a key of every dataset; [] if one has none."""
        names = [f"{method}/{dataset}/{key}" for dataset in self.datasets]
        if not all(name in evidence for name in names):
            return []
        return [image for name in names for image in evidence[name][:count]]

    def _weight_records(self, seed: int) -> list[dict[str, Any]]:
        files = [
            self.folder(seed) / part / "weights.json"
            for part in self.folders_of_training(self.in_rounds)[1:]
        ]
        if not files or not all(path.exists() for path in files):
            return []
        if any(map(diverged, files[-1].parent.glob("*.safetensors"))):
            return []
        return [read_json(path, "blocks") for path in files]
