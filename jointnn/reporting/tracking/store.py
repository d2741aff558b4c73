"""MLflow's store: opened quietly, by one process at a time, and what an import does with it."""

import fcntl
import json
import logging
import os
import shutil
import sqlite3
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlparse

from jointnn.errors import UserError, one_line, reason_of, remedy_of
from jointnn.io import paths
from jointnn.io.files import digest, write_atomically
from jointnn.reporting.tracking.entries import KEY, STATE, Entry
from jointnn.reporting.tracking.read import Origin
from jointnn.reporting.tracking.usable import AGAIN, check, database, sentence

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Experiment, Run

# MLflow's own limits for one call.
METRICS_PER_CALL, OTHERS_PER_CALL = 1000, 100
SETTINGS = {
    # MLflow would report its use to its makers and log each step.
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_LOGGING_LEVEL": "WARNING",
    # Of a server: three tries of ten seconds, where MLflow's own take minutes.
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
}
"""Set before mlflow is imported, which reads them once; what a user has set stays."""


def is_new(root: Path, store: str) -> bool:
    """Return whether a store is a file that is still to be made."""
    file = database(store)
    return bool(file) and not (root / file).exists()


@contextmanager
def opened(root: Path, store: str) -> Iterator["Store"]:
    """Open the store at a URI and hold it alone until the block ends. Another import waits.

    Two processes that create the tables of one new file would break each other.

    Raises:
        UserError: the store cannot be used, be it now or later in the block.
    """
    file = database(store)
    path = root / file if file else root / "work/mlflow"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(f"{path}.lock", os.O_CREAT | os.O_RDWR)
    except OSError as error:
        raise UserError(
            f"The MLflow store {store} cannot be written: {reason_of(error)}. {remedy_of(error)}, or "
            "choose another one (--store)."
        ) from error
    try:
        _wait_for(lock, store)
        check(store, path if file else None)
        with _explained(store), _hurried(is_new(root, store)):
            if file:
                if is_new(root, store):
                    _make(path.resolve())
                yield Store(
                    _client(f"sqlite:///{path.resolve()}"), root, path.resolve().parent / "mlartifacts"
                )
            else:
                yield Store(_client(store), root, None)
    finally:
        os.close(lock)


def _make(path: Path) -> None:
    """Make the tables of a store that is a file beside it, and then put it in its place.

    MLflow makes them in some fifty steps, and goes on with none that was killed between two.
    """
    beside = path.with_name(f".{path.name}.new")
    try:
        beside.unlink(missing_ok=True)
        _client(f"sqlite:///{beside}")
        beside.replace(path)
    finally:
        for left in path.parent.glob(f"{beside.name}*"):  # SQLite's journal, too
            left.unlink(missing_ok=True)


def _wait_for(lock: int, store: str) -> None:
    """Wait until no other import holds the store; say so after a second."""
    begun, is_told = time.monotonic(), False
    while True:
        with suppress(BlockingIOError):
            return fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if not is_told and time.monotonic() > begun + 1:
            sys.stderr.write(f"Another import into {store} is at work: waiting for it. Ctrl-C gives up.\n")
            is_told = True
        time.sleep(0.1)


@contextmanager
def _explained(store: str) -> Iterator[None]:
    """Turn errors of MLflow and its database into a sentence that names the store; others are ours."""
    quiet()
    import alembic.util
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (MlflowException, SQLAlchemyError, alembic.util.CommandError) as error:
        said = sentence(store, str(error)) or (
            f"The MLflow store {store} cannot be used: {one_line(error)}. Choose another one (--store), "
            f"or move its file away: {AGAIN}."
        )
        raise UserError(said) from error


@contextmanager
def _hurried(for_now: bool) -> Iterator[None]:
    """Let SQLite not wait for the disk after each of hundreds of commits into a new file: if the power
    fails, nothing is lost that is not imported again."""
    from sqlalchemy import event
    from sqlalchemy.engine import Engine

    connections: list[sqlite3.Connection] = []

    def hurry(connection: sqlite3.Connection, _: object) -> None:
        connection.execute("PRAGMA synchronous = OFF")
        connections.append(connection)

    if for_now:
        event.listen(Engine, "connect", hurry)
    try:
        yield
    finally:
        if for_now:
            event.remove(Engine, "connect", hurry)
        for connection in connections:  # those that stay open serve `make ui`
            with suppress(sqlite3.Error):
                connection.execute("PRAGMA synchronous = FULL")


def quiet() -> None:
    """Let MLflow report nothing to its makers, log no steps and give up early."""
    for name, value in SETTINGS.items():
        os.environ.setdefault(name, value)
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)


def _client(store: str) -> "MlflowClient":
    from mlflow import MlflowClient

    try:
        client = MlflowClient(store)
        client.search_experiments(max_results=1)
    except (ValueError, ModuleNotFoundError) as error:
        raise UserError(f"The MLflow store {store} cannot be used: {error}. See --store.") from error
    quiet()  # the import of mlflow set its own levels
    return client


class Store:
    """The store of MLflow, as an import needs it. A run is given as MLflow's Run, with what it held
    when read."""

    def __init__(self, client: "MlflowClient", root: Path, artifacts: Path | None) -> None:
        self.client = client
        self.root = root
        self.artifacts = artifacts

    def open_experiment(self, name: str) -> "Experiment":
        """Return an experiment, and create it if there is none.

        Raises:
            UserError: it was deleted in MLflow, or its artifacts are not beside the store.
        """
        location = (self.artifacts / name).as_uri() if self.artifacts else None
        found = self.client.get_experiment_by_name(name)
        if found is None:
            identity = self.client.create_experiment(name, location, {"mlflow.experimentKind": KIND})
            return self.client.get_experiment(identity)
        if found.lifecycle_stage == "deleted":
            raise UserError(
                f"The experiment {name!r} was deleted in MLflow. Restore it with: "
                f"mlflow experiments restore --experiment-id {found.experiment_id}"
            )
        if location not in (None, found.artifact_location):
            raise UserError(
                f"The MLflow store keeps the files of {name!r} at {found.artifact_location}, but is not "
                "there: was it moved? Delete mlflow.db and mlartifacts/, they are imported again."
            )
        return found

    def describe_experiment(self, experiment: "Experiment", tags: Mapping[str, str]) -> None:
        """Set tags of an experiment, those that differ."""
        for name, value in tags.items():
            if experiment.tags.get(name) != value:
                self.client.set_experiment_tag(experiment.experiment_id, name, value)

    def runs(self, experiment: str) -> dict[str, "Run"]:
        """Return all imported runs of an experiment (an id), by their key."""
        found: dict[str, Run] = {}
        token: str | None = ""
        while token is not None:
            page = self.client.search_runs([experiment], max_results=1000, page_token=token or None)
            found |= {run.data.tags[KEY]: run for run in page if KEY in run.data.tags}
            token = page.token or None
        return found

    def create(self, experiment: str, entry: Entry, tags: Mapping[str, str]) -> "Run":
        """Create a run that has tags and nothing else yet, and return it."""
        started = int(entry.started * 1000)
        return self.client.create_run(experiment, started, {**tags, KEY: entry.key}, entry.name)

    def delete(self, run: "Run") -> None:
        """Delete a run, and its files where they lie beside the store."""
        self.client.delete_run(run.info.run_id)
        if folder := self.folder(run):
            shutil.rmtree(folder, ignore_errors=True)

    def folder(self, run: "Run") -> Path | None:
        """Return the folder of a run's files if it is on this machine, else None."""
        place = urlparse(run.info.artifact_uri)
        return Path(unquote(place.path)) if self.artifacts and place.scheme == "file" else None

    def fill(self, run: "Run", entry: Entry, tags: Mapping[str, str]) -> None:
        """Give a run all that it is to hold, in as few calls as MLflow takes. What is there already stays;
        the state comes last, so that a killed import is done again.

        Histories hold no times, and equal files are to give equal stores: a step counts as a millisecond.
        """
        from mlflow.entities import Metric, Param, RunTag

        start = run.info.start_time
        end = start + max((step for _, step in entry.curves), default=0)
        curves = [(name, step, value, start + step) for (name, step), value in entry.curves.items()]
        single = [(name, 0, value, end) for name, value in entry.values.items()]
        metrics = [Metric(name, value, at, step) for name, step, value, at in sorted(curves + single)]
        params = [Param(name, text(value)) for name, value in sorted(entry.parameters.items())]
        news = {name: value for name, value in tags.items() if run.data.tags.get(name) != value}
        named = [RunTag(name, value) for name, value in sorted(news.items())] + [RunTag(STATE, entry.state)]
        self._log_datasets(run, entry.origins)
        while metrics or params or named:
            last = len(metrics) <= METRICS_PER_CALL and len(params) <= OTHERS_PER_CALL
            self.client.log_batch(
                run.info.run_id,
                metrics[:METRICS_PER_CALL],
                params[:OTHERS_PER_CALL],
                named[:OTHERS_PER_CALL] if last else (),
            )
            metrics, params = metrics[METRICS_PER_CALL:], params[OTHERS_PER_CALL:]
            named = named[OTHERS_PER_CALL:] if last else named

    def tag(self, run: "Run", name: str, value: str) -> None:
        """Set a tag, unless it has this value."""
        if run.data.tags.get(name) != value:
            self.client.set_tag(run.info.run_id, name, value)

    def unset(self, run: "Run", tag: str) -> None:
        """Remove a tag, if it is there."""
        if tag in run.data.tags:
            self.client.delete_tag(run.info.run_id, tag)

    def _log_datasets(self, run: "Run", origins: Sequence[Origin]) -> None:
        """Name the datasets that a run learned from; MLflow keeps each one once."""
        from mlflow.entities import Dataset, DatasetInput, InputTag

        inputs = []
        for each in origins:
            place = {"uri": paths.raw(each.dataset), "origin": each.origin, "licence": each.licence}
            profile = json.dumps({f"{split}_images": n for split, n in each.counts.items()})
            version = digest(each.sha256)
            dataset = Dataset(each.dataset, version, "local", json.dumps(place), profile=profile)
            inputs.append(DatasetInput(dataset, [InputTag("mlflow.data.context", "training")]))
        if inputs:
            self.client.log_inputs(run.info.run_id, inputs)

    def log_artifacts(self, run: "Run", artifacts: Mapping[str, Path]) -> None:
        """Copy files, over those of the same name; where they lie beside the store, each whole or not at
        all."""
        place = self.folder(run)
        for name, path in artifacts.items():
            with suppress(FileNotFoundError):
                if place:
                    write_atomically(place / name, path.read_bytes())
                    continue
                folder = Path(name).parent.as_posix()
                self.client.log_artifact(run.info.run_id, str(path), folder.removeprefix("."))

    def set_status(self, run: "Run", status: str, seconds: float) -> None:
        """Set RUNNING, FINISHED, FAILED or KILLED, and after how long it ended."""
        end = run.info.start_time + int(seconds * 1000)
        if status == "RUNNING":
            if run.info.status != status:
                self.client.update_run(run.info.run_id, status)
        elif (run.info.status, run.info.end_time) != (status, end):
            self.client.set_terminated(run.info.run_id, status, end)


KIND = "custom_model_development"
"""MLflow's kind of an experiment of trained models: its page then shows runs and no traces."""


def text(value: Any) -> str:
    """Return a parameter as MLflow keeps it: a text as it is, all else as JSON."""
    return value if isinstance(value, str) else json.dumps(value)
