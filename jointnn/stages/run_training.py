"""A job that trains: resume, run its phases, write its outputs, drop the resume point."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from jointnn.errors import DivergedError
from jointnn.io import paths
from jointnn.io.files import write_json, write_table
from jointnn.irls import consistency
from jointnn.irls.groups import diagnosis
from jointnn.irls.rounds import block_names
from jointnn.methods.plan import Phase, Plan
from jointnn.training.checkpoints import load_networks, load_state, save_networks, save_state
from jointnn.training.console import shown
from jointnn.training.couplings import membership_of
from jointnn.training.loop import Progress, run_phases
from jointnn.training.phase_state import round_to_json
from jointnn.training.state import Row, Trainer

COLUMNS = ["step", "split", "dataset", "metric", "value"]


def load_start(trainer: Trainer, job: Mapping[str, Any]) -> None:
    """Put the networks to the common start of the seed, with optimisers that begin anew."""
    expected = {
        "experiment": job["experiment"],
        "seed": job["seed"],
        "architecture": job["architecture"],
        "settings": job["before"]["start"]["identity"],
    }
    load_networks(job["start"], trainer, expected)


def train_phases(
    trainer: Trainer,
    plan: Plan,
    phases: Sequence[Phase],
    progress: Progress,
    job: Mapping[str, Any],
    begin: Callable[[], None],
    *,
    keep: bool = True,
) -> None:
    """Run phases from their beginning, or from the last record of a job that was killed.

    Args:
        begin: puts the trainer to where the first phase starts.
        keep: let a run that diverged end at its last record, where the task keeps it as a result.

    Raises:
        DivergedError: a loss became NaN or exploded. The history so far and the sentence are kept.
    """
    resume = paths.resume_of(paths.record(dict(job)))
    if load_state(resume, trainer, progress, job):
        print(f"Goes on from step {trainer.step}.", flush=True)  # noqa: T201
    else:
        begin()
    Path(paths.diverged(resume)).unlink(missing_ok=True)
    with shown(trainer) as show:

        def on_record() -> None:
            save_state(resume, trainer, progress, job)
            write_history(resume, trainer.history)
            show()

        try:
            run_phases(trainer, plan, phases, progress, on_record, lambda: load_start(trainer, job))
        except DivergedError as error:  # said in the log, and by this file in MLflow
            write_history(resume, trainer.history)
            write_json(paths.diverged(resume), {"diverged": str(error)})
            if not (keep and trainer.task.keeps_diverged):
                raise
            _go_back(trainer, progress, job, begin, str(error))


def _go_back(
    trainer: Trainer, progress: Progress, job: Mapping[str, Any], begin: Callable[[], None], sentence: str
) -> None:
    """Put a run that diverged to its last record, with the sentence that says so.

    There its networks are finite, so that every job after this one can do its work; nothing is trained on
    from them, and no measure of theirs is taken.
    """
    print(sentence, flush=True)  # noqa: T201
    found = progress.found
    if not load_state(paths.resume_of(paths.record(dict(job))), trainer, progress, job):
        begin()
    progress.found = found
    # Of the networks themselves: what was averaged since that record went astray.
    layers, metric = trainer.networks.coupled, trainer.settings.metric
    progress.layer_distances_squared = consistency.layer_distances_squared(layers, metric)
    trainer.diverged = sentence


def write_outputs(
    folder: str, trainer: Trainer, plan: Plan, progress: Progress, job: dict[str, Any]
) -> None:
    """Write networks, history and, where a phase after this one needs them, distances."""
    if not trainer.diverged:
        say_alarms(trainer)
    save_networks(folder, trainer, job)
    write_history(folder, trainer.history)
    if progress.layer_distances_squared is not None:
        write_json(f"{folder}/distances.json", distances_of(trainer, plan, progress))
    drop_resume_point(job)


def drop_resume_point(job: Mapping[str, Any]) -> None:
    """Delete what a job kept while it trained: its outputs are written."""
    shutil.rmtree(paths.resume_of(paths.record(dict(job))), ignore_errors=True)


def say_alarms(trainer: Trainer) -> None:
    """A line in the log, and for the checkpoint, of what the task finds wrong with each trained network."""
    for index, (name, data) in enumerate(trainer.data.items()):
        with trainer.at_work(index):
            alarms = trainer.task.alarms(trainer.networks.modules[name], data.train)
        if alarms:
            trainer.alarms[name] = f"the network of {name} {' and '.join(alarms)}"
            print(f"{trainer.method}: {trainer.alarms[name]}.", flush=True)  # noqa: T201


def say_if_degenerated(method: str, weights_of_rounds: Sequence[Any], datasets: Sequence[str]) -> None:
    """One clear line in the log where the weights of all rounds end all alike (departure 4)."""
    if sentence := diagnosis([np.asarray(weights) for weights in weights_of_rounds], datasets, method):
        print(sentence, flush=True)  # noqa: T201


def write_history(folder: str, history: Sequence[Row]) -> None:
    """Write history.csv and, apart from it, test_history.csv."""
    table = pd.DataFrame(history, columns=COLUMNS)
    test = table["split"] == "test"
    write_table(f"{folder}/history.csv", table[~test])
    write_table(f"{folder}/test_history.csv", table[test])


def distances_of(trainer: Trainer, plan: Plan, progress: Progress) -> dict[str, Any]:
    """Squared distances of layers and blocks after the last phase."""
    layers = trainer.networks.layers
    membership = membership_of(plan)
    squared = progress.layer_distances_squared
    assert squared is not None
    return {
        "layers": layers,
        "blocks": block_names(layers, membership),
        "datasets": trainer.names,
        "layer_distances_squared": squared.tolist(),
        "distances_squared": consistency.block_distances_squared(squared, membership).tolist(),
    }


def weights_of(trainer: Trainer, plan: Plan, progress: Progress, number: int) -> dict[str, Any]:
    """The weights of a round, for its weights.json."""
    assert progress.found is not None
    layers = trainer.networks.layers
    return {
        "round": number,
        "blocks": block_names(layers, membership_of(plan)),
        "datasets": trainer.names,
        **round_to_json(progress.found),
    }
