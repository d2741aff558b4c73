"""Runs from files into MLflow, so that a second import of the same files changes nothing."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jointnn.errors import UserError
from jointnn.reporting.tracking import find
from jointnn.reporting.tracking import read as tables
from jointnn.reporting.tracking.runs import RunFiles, artifacts_digest
from jointnn.reporting.tracking.store import KEY, Store, opened

STATE = "jointnn.state"
SUPERSEDED = "jointnn.superseded"
DIVERGED, ALARMS = "jointnn.diverged", "jointnn.alarms"
"""The sentence of a run that diverged, whose status is FAILED; what is wrong with networks that did not."""


@dataclass
class Imported:
    """The outcome of an import: numbers of runs."""

    new: int = 0
    changed: int = 0
    same: int = 0
    running: int = 0
    diverged: int = 0

    def __str__(self) -> str:
        return (
            f"{self.new} new, {self.changed} changed, {self.same} as before; "
            f"{self.running} of them still running"
            + (f", {self.diverged} diverged" if self.diverged else "")
        )


def import_runs(root: Path, experiments: Sequence[str], store: str) -> Imported:
    """Import the finished and running runs of experiments into an MLflow store.

    Args:
        root: the folder of the project.
        experiments: names; none means all that are found.
        store: a URI as MLflow takes it: sqlite:///mlflow.db, relative to `root`.

    Raises:
        UserError: nothing is found, a file is damaged, or the store cannot be used.
    """
    names = list(experiments) or find.experiments(root)
    for name in names:
        if not any(find.find_runs(root, name)) and not tables.summary(root, name):
            raise UserError(f"No runs of experiment {name!r} were found under runs/. Run: snakemake {name}")
    if not names:
        raise UserError("No runs were found under runs/. Run: snakemake")
    done = Imported()
    with opened(root, store) as opened_store:
        # Read only now: another import may have been waited for, and files have grown since.
        for name in names:
            _Import(opened_store, root, name, done).all_runs(list(find.find_runs(root, name)))
    return done


class _Import:
    """The import of one experiment."""

    def __init__(self, store: Store, root: Path, experiment: str, done: Imported) -> None:
        self.store = store
        self.root = root
        self.name = experiment
        self.done = done
        self.experiment = store.experiment(experiment)
        self.known = store.runs(self.experiment)
        self.commit = commit(root)

    def all_runs(self, runs: list[RunFiles]) -> None:
        """Import a run per method, below it one per seed, and one with the report."""
        summary = tables.summary(self.root, self.name)
        for method in sorted({*summary, *(run.method for run in runs)}):
            self.method(method, [run for run in runs if run.method == method], summary.get(method, {}))
        self.report()

    def method(self, method: str, seeds: list[RunFiles], values: dict[str, float]) -> None:
        """Import the parent: mean and deviation over seeds. Below it the seeds."""
        summed_up = find.modified([self.root / "results" / self.name / "summary.csv"])
        times = [at for run in seeds for at in (run.started, run.ended)] or summed_up
        parent = self.run(f"{self.name}/{method}", method, min(times), {"jointnn.method": method})
        for run in seeds:
            self.seed(run, parent.info.run_id)
        self.store.log_values(parent, values, max(summed_up, default=0.0))
        found = {run.status for run in seeds}
        worst = next((status for status in ("RUNNING", "FAILED") if status in found), "FINISHED")
        self.store.set_status(parent, worst, max(times))

    def report(self) -> None:
        """Import the tables and figures of the experiment."""
        artifacts = find.report(self.root, self.name)
        if not artifacts:
            return
        times = find.modified(artifacts.values())
        run = self.run(f"{self.name}/report", "report", times[0], {})
        state = artifacts_digest(artifacts)
        if run.data.tags.get(STATE) != state:
            self.store.log_artifacts(run, artifacts)
            self.store.describe(run, {}, {STATE: state})
        self.store.set_status(run, "FINISHED", times[-1])

    def run(self, key: str, name: str, started: float, tags: dict[str, str]) -> Any:
        """Return the run of a key, created if there is none."""
        if key not in self.known:
            tags = {**tags, KEY: key, "jointnn.experiment": self.name, **self.commit}
            self.known[key] = self.store.create(self.experiment, name, started, tags)
        return self.known[key]

    def seed(self, files: RunFiles, parent: str) -> None:
        """Import a run of one seed: created, brought up to date, or left as it is."""
        is_new = files.key not in self.known
        tags = {
            "mlflow.parentRunId": parent,
            "jointnn.method": files.method,
            "jointnn.seed": str(files.seed),
            "jointnn.digest": files.digest,
        }
        run = self.run(files.key, f"{files.method} s{files.seed}", files.started, tags)
        self.supersede(files)
        is_same = run.data.tags.get(STATE) == files.state
        if not is_same:
            self.update(run, files)
        self.store.unset(run, SUPERSEDED)
        for tag, said in {DIVERGED: files.diverged, ALARMS: files.alarms}.items():
            if said:
                self.store.describe(run, {}, {tag: said})
            else:
                self.store.unset(run, tag)
        self.store.set_status(run, files.status, files.ended)
        self.done.new += is_new
        self.done.same += is_same
        self.done.changed += not is_new and not is_same
        self.done.running += files.status == "RUNNING"
        self.done.diverged += files.status == "FAILED"

    def update(self, run: Any, files: RunFiles) -> None:
        """Import everything that is not there yet; the state comes last, so a killed import is done
        again."""
        origins = tables.origins(self.root, files.datasets)
        sources = {f"jointnn.data.{each.dataset}": str(each) for each in origins}
        self.store.describe(run, files.parameters, sources)
        self.store.log_datasets(run, origins)
        self.store.log_points(run, files.points)
        self.store.log_values(run, files.finals, files.finals_at)
        self.store.log_artifacts(run, files.artifacts)
        self.store.describe(run, {}, {STATE: files.state})

    def supersede(self, files: RunFiles) -> None:
        """Mark runs of other settings, which are not those of the files any more."""
        for key, run in self.known.items():
            if key.startswith(f"{files.place}/") and key != files.key:
                self.store.describe(run, {}, {SUPERSEDED: files.digest})
                if run.info.status == "RUNNING":
                    self.store.set_status(run, "KILLED", files.started)


def commit(root: Path) -> dict[str, str]:
    """Return tags for the commit of the checkout, and whether files differ from it; none without git."""

    def git(*arguments: str) -> str:
        command = ["git", "--no-optional-locks", "-C", str(root), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        return {
            "mlflow.source.git.commit": git("rev-parse", "HEAD"),
            "jointnn.git_dirty": str(bool(git("status", "--porcelain"))).lower(),
        }
    except (OSError, subprocess.CalledProcessError):
        return {}
