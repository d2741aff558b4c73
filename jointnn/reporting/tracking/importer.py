"""Import of runs from files into MLflow, such that a second import of the same files changes nothing."""

import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jointnn.errors import UserError
from jointnn.io import files
from jointnn.reporting.tracking import entries, find, notes
from jointnn.reporting.tracking import read as tables
from jointnn.reporting.tracking.entries import ALARMS, DIVERGED, NOTE, STATE, Entry
from jointnn.reporting.tracking.networks import HISTORY, LEFT, NetworkWriter, put_networks
from jointnn.reporting.tracking.runs import RunFiles
from jointnn.reporting.tracking.store import Store, is_new, opened, text

if TYPE_CHECKING:
    from mlflow.entities import Run

SUPERSEDED, PARENT = "jointnn.superseded", "mlflow.parentRunId"
OUR_NOTE = "mlflow.jointnn.note"
"""The digest of the description that jointnn wrote: a description that a person changed stays."""


@dataclass(frozen=True)
class Shown:
    """An experiment in MLflow: its id there, and the metrics that a table of its methods is to show."""

    name: str
    id: str
    columns: tuple[str, ...]


@dataclass
class Imported:
    """The outcome of an import: numbers of runs, and the experiments."""

    new: int = 0
    changed: int = 0
    same: int = 0
    running: int = 0
    diverged: int = 0
    experiments: tuple[Shown, ...] = ()

    def __str__(self) -> str:
        return (
            f"{self.new} new, {self.changed} changed, {self.same} as before; "
            f"{self.running} of them still running"
            + (f", {self.diverged} diverged" if self.diverged else "")
        )


def import_runs(
    root: Path, experiments: Sequence[str], store: str, networks: NetworkWriter | None = None
) -> Imported:
    """Import the finished and running runs of experiments into an MLflow store.

    Args:
        root: the folder of the project.
        experiments: names; none means all that are found.
        store: a URI as MLflow takes it: sqlite:///mlflow.db, relative to `root`.
        networks: writes the networks of a run, which are shown with it; without it none are.

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
    try:
        if networks and is_new(root, store):
            networks.expect(
                [run for name in names for run in find.find_runs(root, name) if run.has_networks]
            )
        with opened(root, store) as opened_store:
            # Read only now: another import may have been waited for, and files have grown since.
            for name in names:
                _Import(opened_store, root, name, networks, done).all_runs(list(find.find_runs(root, name)))
    finally:
        if networks:
            networks.close()
    return done


class _Import:
    """The import of one experiment."""

    def __init__(
        self, store: Store, root: Path, name: str, networks: NetworkWriter | None, done: Imported
    ) -> None:
        self.store, self.root, self.name, self.networks, self.done = store, root, name, networks, done
        self.experiment = store.open_experiment(name)
        self.known = store.runs(self.experiment.experiment_id)
        self.common = {
            "jointnn.experiment": name,
            "mlflow.source.name": f"snakemake {name}",
            "mlflow.source.type": "LOCAL",
            **commit(root),
        }

    def all_runs(self, runs: list[RunFiles]) -> None:
        """Import a run per method, below it one per seed, and one with the report."""
        measured: set[str] = set()
        for method in sorted({*tables.summary(self.root, self.name), *(run.method for run in runs)}):
            seeds = [run for run in runs if run.method == method]
            above = entries.of_method(self.root, self.name, method, seeds)
            measured |= set(above.values)
            parent = self.put(above)
            for run in seeds:
                self.seed(run, parent)
        identity, shown = str(self.experiment.experiment_id), ""
        self.done.experiments += (Shown(self.name, identity, entries.columns(measured)),)
        if report := entries.of_report(self.root, self.name):
            run_id = self.put(report).info.run_id
            shown = f"#/experiments/{identity}/runs/{run_id}/artifacts"
        note = notes.of_experiment(self.root, self.name, runs, shown)
        self.store.describe_experiment(self.experiment, _described(note, self.experiment.tags))

    def seed(self, files: RunFiles, parent: "Run") -> None:
        """Import the run of one seed."""
        entry = entries.of_seed(self.root, files)
        held = self.known.get(entry.key)
        is_same = held is not None and self.is_same(held, entry)
        self.supersede(files)
        run = self.put(entry, parent.info.run_id)
        self.store.unset(run, SUPERSEDED)
        self.done.new += held is None
        self.done.same += is_same
        self.done.changed += held is not None and not is_same
        self.done.running += files.status == "RUNNING"
        self.done.diverged += files.status == "FAILED"

    def put(self, entry: Entry, parent: str = "") -> "Run":
        """Return the run of an entry. It is made, brought up to date where it has grown, or made anew."""
        tags = {**self.common, **entry.tags} | ({PARENT: parent} if parent else {})
        held = self.known.get(entry.key)
        if held is not None and self.is_same(held, entry):
            if parent:
                self.store.tag(held, PARENT, parent)
            if held.info.status != entry.status:
                self.store.set_status(held, entry.status, entry.seconds)
            return held
        if held is not None and _has_grown(held, entry):
            self.fill(held, entry, tags)
        else:
            kept = _of_a_person(held.data.tags) if held else {}
            run = self.known[entry.key] = self.store.create(
                self.experiment.experiment_id, entry, {**tags, **kept}
            )
            self.fill(run, entry, {})
            if held:
                self.replace(held, run)
        run = self.known[entry.key]
        self.store.set_status(run, entry.status, entry.seconds)
        return run

    def is_same(self, held: "Run", entry: Entry) -> bool:
        """Return whether a run holds all that it has to hold."""
        tags, networks = held.data.tags, self.networks
        are_left = LEFT in tags and entry.networks and networks and networks.takes(entry.networks)
        return tags.get(STATE) == entry.state and not are_left

    def fill(self, run: "Run", entry: Entry, tags: Mapping[str, str]) -> None:
        """Import everything that a run is to hold."""
        self.store.log_artifacts(run, entry.artifacts)
        note = entry.note
        of_networks: dict[str, str] = {}
        if entry.networks and self.networks and HISTORY not in run.data.tags:
            note, of_networks = put_networks(self.store, run, entry.networks, self.networks)
            if LEFT not in of_networks:
                self.store.unset(run, LEFT)
        self.store.fill(run, entry, {**tags, **of_networks, **_described(note, run.data.tags)})

    def replace(self, old: "Run", new: "Run") -> None:
        """Delete a run in whose place there is another one; those below it go there."""
        for run in self.known.values():
            if run.data.tags.get(PARENT) == old.info.run_id:
                self.store.tag(run, PARENT, new.info.run_id)
        self.store.delete(old)

    def supersede(self, files: RunFiles) -> None:
        """Mark runs of other settings, which are not those of the files any more."""
        for key, run in self.known.items():
            if key.startswith(f"{files.place}/") and key != files.key:
                self.store.tag(run, SUPERSEDED, files.digest)
                if run.info.status == "RUNNING":
                    self.store.set_status(run, "KILLED", 0.0)


def _has_grown(held: "Run", entry: Entry) -> bool:
    """Return whether a run holds nothing but parts of the entry, so that the rest can be added.

    MLflow changes no parameter and forgets no value.
    """
    tags, state = held.data.tags, held.data.tags.get(STATE, "")
    params = {name: text(value) for name, value in entry.parameters.items()}
    values = dict(entry.values)
    if held.info.status != "RUNNING":  # its curves have ended
        values |= {name: entry.curves[name, step] for name, step in sorted(entry.curves)}
    else:
        values |= {name: held.data.metrics.get(name, 0.0) for name, _ in entry.curves}
    return (
        state[: len(f"{entries.FORMAT}-")] in ("", f"{entries.FORMAT}-")
        and all(tags.get(tag) in (None, entry.tags.get(tag)) for tag in (DIVERGED, ALARMS))
        and all(params.get(name) == value for name, value in held.data.params.items())
        and all(repr(values.get(name)) == repr(value) for name, value in held.data.metrics.items())
    )


def _of_a_person(tags: Mapping[str, str]) -> dict[str, str]:
    """Return the tags that are neither ours nor MLflow's, and a description that a person wrote."""
    own = {name: value for name, value in tags.items() if not name.startswith(("jointnn.", "mlflow."))}
    note = tags.get(NOTE, "")
    return own | ({NOTE: note} if note and files.digest(note) != tags.get(OUR_NOTE) else {})


def _described(note: str, held: Mapping[str, str]) -> dict[str, str]:
    """Return the tags of a description; {} if a person wrote one."""
    return {NOTE: note, OUR_NOTE: files.digest(note)} if note and NOTE not in _of_a_person(held) else {}


def commit(root: Path) -> dict[str, str]:
    """Return tags for the commit of the checkout, and whether files differ from it; {} without git."""

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
