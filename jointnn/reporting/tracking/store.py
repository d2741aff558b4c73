"""MLflow's store: opened quietly, by one process at a time. The only file that imports mlflow."""

import fcntl
import json
import logging
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jointnn.errors import UserError
from jointnn.io import paths
from jointnn.io.files import digest
from jointnn.reporting.tracking.read import Origin
from jointnn.reporting.tracking.runs import Points

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Run

KEY = "jointnn.key"
DATABASE = "sqlite:///"
# MLflow's own limits for one call.
METRICS_PER_CALL, OTHERS_PER_CALL = 1000, 100


@contextmanager
def opened(root: Path, store: str) -> Iterator["Store"]:
    """The store at a URI, held alone until the block ends; another import waits.

    Two processes that create the tables of one new file would break each other.

    Raises:
        UserError: the store cannot be used.
    """
    path = root / _database(store) if _database(store) else root / "work/mlflow"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(f"{path}.lock", os.O_CREAT | os.O_RDWR)
    except OSError as error:
        raise UserError(
            f"The MLflow store {store} cannot be written: {error.strerror}. Choose another one (--store)."
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if _database(store):
            yield Store(_client(f"{DATABASE}{path.resolve()}"), path.resolve().parent / "mlartifacts")
        else:
            yield Store(_client(store), None)
    finally:
        os.close(lock)


def _database(store: str) -> str:
    """Return the file of an SQLite store; "" for a server or another database."""
    return store.removeprefix(DATABASE) if store.startswith(DATABASE) else ""


def _client(store: str) -> "MlflowClient":
    # Before the import: MLflow reads them once. It would report its use to its makers and log each step.
    os.environ["MLFLOW_DISABLE_TELEMETRY"] = os.environ["DO_NOT_TRACK"] = "true"
    os.environ.setdefault("MLFLOW_LOGGING_LEVEL", "WARNING")
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    logging.getLogger("mlflow").setLevel(logging.WARNING)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    try:
        client = MlflowClient(store)
        client.search_experiments(max_results=1)
    except (MlflowException, SQLAlchemyError, ValueError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(
            f"The MLflow store {store} cannot be used: {reason} If it is a file of this project, delete "
            "it: everything in it is imported again."
        ) from error
    return client


class Store:
    """The store of MLflow, as an import needs it. A run is given as MLflow's Run, with what it held
    when read."""

    def __init__(self, client: "MlflowClient", artifacts: Path | None) -> None:
        self.client = client
        self.artifacts = artifacts

    def experiment(self, name: str) -> str:
        """Return the id of an experiment, which is created if there is none.

        Raises:
            UserError: it was deleted in MLflow, or its artifacts are not beside the store.
        """
        location = (self.artifacts / name).as_uri() if self.artifacts else None
        found = self.client.get_experiment_by_name(name)
        if found is None:
            return str(self.client.create_experiment(name, artifact_location=location))
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
        return str(found.experiment_id)

    def runs(self, experiment: str) -> dict[str, "Run"]:
        """Return all imported runs of an experiment (an id), by their key."""
        found: dict[str, Run] = {}
        token: str | None = ""
        while token is not None:
            page = self.client.search_runs([experiment], max_results=1000, page_token=token or None)
            found |= {run.data.tags[KEY]: run for run in page if KEY in run.data.tags}
            token = page.token or None
        return found

    def create(self, experiment: str, name: str, started: float, tags: Mapping[str, str]) -> "Run":
        """Return a new run; `started` in seconds since 1970."""
        return self.client.create_run(experiment, int(started * 1000), dict(tags), name)

    def describe(self, run: "Run", parameters: Mapping[str, Any], tags: Mapping[str, str]) -> None:
        """Set parameters, which cannot change later, and tags, of which only new ones are written."""
        from mlflow.entities import Param, RunTag

        params = [
            Param(name, value if isinstance(value, str) else json.dumps(value))
            for name, value in sorted(parameters.items())
            if name not in run.data.params
        ]
        news = {name: value for name, value in tags.items() if run.data.tags.get(name) != value}
        for part in batched(params, OTHERS_PER_CALL):
            self.client.log_batch(run.info.run_id, params=part)
        for part in batched([RunTag(*each) for each in sorted(news.items())], OTHERS_PER_CALL):
            self.client.log_batch(run.info.run_id, tags=part)

    def unset(self, run: "Run", tag: str) -> None:
        """Remove a tag, if it is there."""
        if tag in run.data.tags:
            self.client.delete_tag(run.info.run_id, tag)

    def log_points(self, run: "Run", points: Points) -> None:
        """Add those points whose metric and step the run has not yet. Histories hold no times, and
        equal files are to give equal stores: a step counts as a millisecond since the start."""
        known = {
            (name, metric.step)
            for name in {name for name, _ in points} & set(run.data.metrics)
            for metric in self.client.get_metric_history(run.info.run_id, name)
        }
        start = run.info.start_time
        self._log(run, [(*at, points[at], start + at[1]) for at in points if at not in known])

    def log_values(self, run: "Run", values: Mapping[str, float], at: float) -> None:
        """Set values without a step; one that changed becomes the latest one. `at`: seconds."""
        held = run.data.metrics
        news = {name: value for name, value in values.items() if held.get(name) != value}
        self._log(run, [(name, 0, value, int(at * 1000)) for name, value in news.items()])

    def _log(self, run: "Run", metrics: list[tuple[str, int, float, int]]) -> None:
        from mlflow.entities import Metric

        for part in batched(sorted(metrics), METRICS_PER_CALL):
            values = [Metric(name, value, time, step) for name, step, value, time in part]
            self.client.log_batch(run.info.run_id, metrics=values)

    def log_datasets(self, run: "Run", origins: Sequence[Origin]) -> None:
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
        """Copy files, over those of the same name."""
        for name, path in artifacts.items():
            with suppress(FileNotFoundError):
                folder = Path(name).parent.as_posix()
                self.client.log_artifact(run.info.run_id, str(path), folder.removeprefix("."))

    def set_status(self, run: "Run", status: str, ended: float) -> None:
        """Set RUNNING, FINISHED, FAILED or KILLED; `ended` in seconds since 1970."""
        if run.info.status == status:
            return
        if status == "RUNNING":
            self.client.update_run(run.info.run_id, status)
        else:
            self.client.set_terminated(run.info.run_id, status, int(ended * 1000))


def batched(items: list[Any], size: int) -> Iterator[list[Any]]:
    """Return pieces of at most `size` items; none of an empty list."""
    return (items[start : start + size] for start in range(0, len(items), size))
