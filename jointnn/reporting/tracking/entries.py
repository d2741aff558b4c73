"""The content of runs of MLflow: one for a seed, one for a method above its seeds, one for the report."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from jointnn.io import files
from jointnn.parameters.rows import ALONE, JOINING, row_of
from jointnn.reporting.tracking import find, notes
from jointnn.reporting.tracking import read as tables
from jointnn.reporting.tracking.averages import AVERAGE, DEVIATION, over_seeds, with_average
from jointnn.reporting.tracking.runs import Points, RunFiles, artifacts_digest

FORMAT = 2
"""Counts up with a change of what is imported: runs of an older format are imported anew."""
KEY, DIGEST, METHOD = "jointnn.key", "jointnn.digest", "jointnn.method"
STATE = "mlflow.jointnn.state"
"""The digest of what was imported; MLflow shows no tags whose names begin so."""
COLOR = "mlflow.runColor"
MOST_COLUMNS = 2
DIVERGED, ALARMS = "jointnn.diverged", "jointnn.alarms"
"""The sentence of a run that diverged, whose status is FAILED; what is wrong with networks that did not."""
NOTE = "mlflow.note.content"
"""The description of a run or an experiment, which MLflow shows as Markdown."""


@dataclass(frozen=True)
class Entry:
    """A run of MLflow.

    Args:
        key: its name, also after another import.
        status: RUNNING, FINISHED or FAILED.
        started, seconds: when it began, in seconds since 1970, and how long it took.
        curves: metrics by step.
        values: metrics without a step.
        origins: where the images come from that it learned from.
        note: the description, in Markdown.
        artifacts: files by the name that they have in MLflow.
        networks: the run whose networks it shows.
    """

    key: str
    name: str
    status: str
    started: float
    seconds: float
    parameters: Mapping[str, Any] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    curves: Points = field(default_factory=dict)
    values: Mapping[str, float] = field(default_factory=dict)
    origins: Sequence[tables.Origin] = ()
    note: str = ""
    artifacts: Mapping[str, Path] = field(default_factory=dict)
    networks: RunFiles | None = None

    @cached_property
    def state(self) -> str:
        """Return the digest of all that is imported. Where it is the same, nothing is new.

        Times, which a checkout changes, do not count.
        """
        points = sorted((*place, repr(value)) for place, value in self.curves.items())
        shown = [
            [self.key, self.name, self.status, self.parameters, self.tags, self.note],
            [points, sorted(self.values.items()), [str(each) for each in self.origins]],
            [artifacts_digest(self.artifacts), bool(self.networks)],
        ]
        return f"{FORMAT}-{files.digest(shown)}"


def of_seed(root: Path, run: RunFiles) -> Entry:
    """Return the entry of one seed."""
    origins = tables.origins(root, run.datasets)
    tags = _colored(run.method) | {
        METHOD: run.method,
        "jointnn.seed": str(run.seed),
        DIGEST: run.digest,
        "mlflow.user": run.user,
        **{f"jointnn.data.{each.dataset}": str(each) for each in origins},
        **{tag: said for tag, said in ((DIVERGED, run.diverged), (ALARMS, run.alarms)) if said},
    }
    return Entry(
        key=run.key,
        name=f"{run.method} s{run.seed}",
        status=run.status,
        started=run.started,
        seconds=run.seconds,
        parameters=run.parameters,
        tags=tags,
        curves=with_average(run.points),
        values=finals_of(run),
        origins=origins,
        artifacts=run.artifacts,
        networks=run if run.has_networks else None,
    )


def _colored(method: str) -> dict[str, str]:
    """Return the tag with the color of a method in figures; {} if it has none."""
    look = row_of(method).look
    return {COLOR: look.color} if look else {}


def finals_of(run: RunFiles) -> dict[str, float]:
    """Return the numbers of the evaluation, with their means over datasets, and the costs of the run."""
    of_datasets = ("final/", f"minus_{ALONE}/")
    figures = {(name, 0): value for name, value in run.finals.items() if name.startswith(of_datasets)}
    return dict(run.finals) | {name: value for (name, _), value in with_average(figures).items()}


def of_method(root: Path, experiment: str, method: str, seeds: Sequence[RunFiles]) -> Entry:
    """Return the entry of a method: means over its seeds under the seeds' names, and deviations.

    It has curves once every seed has ended, and numbers once every seed is evaluated: so all are means
    over the same seeds. A method without runs of its own has the numbers of the table.
    """
    found = {run.status for run in seeds}
    status = next((worst for worst in ("RUNNING", "FAILED") if worst in found), "FINISHED")
    single = [{(name, 0): value for name, value in finals_of(run).items()} for run in seeds]
    values = {name: value for (name, _), value in over_seeds(single, every=True).items()}
    curves = [with_average(run.points) for run in seeds]
    table = find.modified([root / "results" / experiment / "summary.csv"])
    alike = [set(map(repr, run.parameters.items())) for run in seeds]
    numbers = [run.seed for run in seeds]
    parameters = {
        name: value
        for name, value in (seeds[0].parameters if seeds else {"method": method}).items()
        if all(repr((name, value)) in each for each in alike) and name != "seed"
    }
    return Entry(
        key=f"{experiment}/{method}",
        name=method,
        status=status,
        started=min([run.started for run in seeds] or table),
        seconds=sum(run.seconds for run in seeds),
        parameters=parameters | ({"seeds": numbers} if seeds else {}),
        tags=_colored(method) | {METHOD: method} | ({"mlflow.user": seeds[0].user} if seeds else {}),
        note=notes.of_method(numbers) + (notes.harm(root, experiment, method) if method in JOINING else ""),
        curves=over_seeds(curves, every=False) if status != "RUNNING" else {},
        values=values if seeds else tables.summary(root, experiment).get(method, {}),
        origins=tables.origins(root, sorted({name for run in seeds for name in run.datasets})),
    )


def of_report(root: Path, experiment: str) -> Entry | None:
    """Return the entry with the tables and figures of an experiment; None if there are none."""
    artifacts = find.report(root, experiment)
    if not artifacts:
        return None
    times = find.modified(artifacts.values())
    return Entry(
        key=f"{experiment}/report",
        name="report",
        status="FINISHED",
        started=times[0],
        seconds=0.0,
        note=notes.REPORT,
        artifacts=artifacts,
    )


def columns(measured: Iterable[str]) -> tuple[str, ...]:
    """Return the metrics for a table of methods: test measures, each with its deviation.

    For several datasets it is their average. The loss is among them only where nothing else is measured.
    """
    names = sorted(name for name in measured if name.startswith("final/") and "/test/" in name)
    means = [name for name in names if name.endswith(f"/{AVERAGE}")] or names
    chosen = [name for name in means if not name.startswith("final/loss/")] or means
    shown = [each for name in chosen[:MOST_COLUMNS] for each in (name, f"{DEVIATION}{name}")]
    return tuple(name for name in shown if name in measured)
