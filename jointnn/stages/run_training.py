"""A job that trains: begin or resume, train to its end, and what it leaves."""

import shutil
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import numpy as np
import torch
from torch import Tensor

from jointnn.errors import DivergedError
from jointnn.io import paths
from jointnn.io.files import read_json, write_json, write_rows
from jointnn.io.tensors import read_header
from jointnn.irls.consistency import block_distances_squared
from jointnn.irls.groups import diagnosis
from jointnn.irls.rounds import Round, block_names, scales_of_halves
from jointnn.jobs.specs import AttemptJob, SplitHalvesJob, TrainingJob, TrainJob, TrialJob
from jointnn.methods.plan import Plan
from jointnn.methods.scale_trials import factors_tried
from jointnn.methods.split_halves import halved
from jointnn.ranks.group import Group
from jointnn.stages.build import build, expected_of, header_of, start_of
from jointnn.tasks.base import named
from jointnn.tasks.measures import Measure, best_trial, check_given
from jointnn.training import checkpoints
from jointnn.training.console import printed
from jointnn.training.couplings import membership_of
from jointnn.training.loop import distances_between, learn
from jointnn.training.setup import Setup
from jointnn.training.state import Row, State

COLUMNS = ["step", "split", "dataset", "metric", "value"]


def train(job: TrainingJob, state: State, setup: Setup, plan: Plan, *, keep: bool = True) -> None:
    """Train from where the job begins, or from the last record of one that was killed, to its end.

    Args:
        keep: let a run that diverged end at its last record, where the task keeps it as a result.

    Raises:
        DivergedError: a loss became NaN or exploded. The history so far and the sentence are kept.
    """
    resume, group = job.resume, setup.group
    if _begin_or_resume(job, state, group):
        print(f"Goes on from step {state.step}.", flush=True)  # noqa: T201
    if state.sigma is None and not job.until:
        if setup.settings.scale == "split_half":
            state.sigma = _sigma_of_halves(job, plan)
        elif setup.settings.scale == "trials":
            assert isinstance(job, AttemptJob)  # elsewhere rounds are jobs
            state.sigma = _sigma_of_trials(job, setup, plan)
    if group.is_first:
        Path(paths.diverged(resume)).unlink(missing_ok=True)
    try:
        for _ in printed(learn(state, setup, plan, plan.end_of(job.until)), state, setup):
            checkpoints.save(paths.state(resume), state, _resume_header(job), group)
            if group.is_first:
                write_history(resume, state.history)
    except DivergedError as error:  # said in the log, and by this file in MLflow
        if group.is_first:
            write_history(resume, state.history)
            write_json(paths.diverged(resume), {"diverged": str(error)})
        group.wait()  # a rank that ends in an error ends the others
        if not (keep and setup.task.keeps_diverged):
            raise
        _end_at_last_record(job, state, group, str(error))


def _begin_or_resume(job: TrainingJob, state: State, group: Group) -> bool:
    """Put the state to the resume point of this very job, or to its begin; return whether it resumes."""
    resume = paths.state(job.resume)
    # Of other settings, or of other code, it is of another job.
    if Path(resume).exists() and read_header(resume).get("job") == job.digest:
        checkpoints.load(resume, state, {}, group)
        return True
    if isinstance(job, SplitHalvesJob):
        state.load(start_of(job), {})
        return False
    before = "before" if "before" in job.before else "start"
    checkpoints.load(paths.state(job.begins_at), state, expected_of(job, before), group)
    if isinstance(job, TrainJob) and job.round and state.sigma is None:  # the job `sigma` has found it
        known = read_json(job.sigma, "sigma")
        state.sigma = torch.tensor(known["sigma"], dtype=torch.float64)
    return False


def _sigma_of_halves(job: TrainingJob, plan: Plan) -> Tensor:
    """Train networks of halves first, for the scales of a method that is one job, as a point of a search.

    Where rounds are jobs of their own, so are the halves (`SplitHalvesJob`); the job `sigma` comes after.
    """
    settings = {key: value for key, value in job.settings.items() if key != "scale"}
    own = {key: getattr(job, key) for key in TrainingJob.model_fields.keys() & job.model_fields_set}
    changes = {"stage": "split_halves", "settings": halved(settings), "until": "l2", "curves": False}
    place = paths.place_of(job.record)
    halves = SplitHalvesJob(**{**own, **changes, "halves": f"{place}/halves"})
    print("First, networks of halves:", flush=True)  # noqa: T201
    state, setup, plan_of_halves = build(halves)
    train(halves, state, setup, plan_of_halves, keep=False)
    squared = distances_between(state, setup, plan_of_halves)
    return scales_of_halves(block_distances_squared(squared, membership_of(plan)), plan.scale_factor)


def _sigma_of_trials(job: AttemptJob, setup: Setup, plan: Plan) -> Tensor:
    """Try scales first, for the scales of a method that is one job, as a point of a search.

    Where rounds are jobs of their own, so are the trials (`TrialJob`); the job `sigma` comes after.
    """
    own = {key: getattr(job, key) for key in TrainingJob.model_fields.keys() & job.model_fields_set}
    place = paths.place_of(job.record)
    tried, sigmas = [], []
    for number, factor in enumerate(factors_tried(setup.settings), start=1):
        settings = {**job.settings, "scale": "nearest", "scale_factor": factor}
        changes = {"stage": "trial", "settings": settings, "until": "round_1", "curves": False}
        told = {"trial": f"{place}/trial_{number}", "number": number, "measures": job.measures[:1]}
        print(f"First, trial {number} of a scale:", flush=True)  # noqa: T201
        reached, sigma = try_scale(trial := TrialJob(**{**own, **changes, **told}))
        tried.append(reached)
        sigmas.append(sigma)
        if setup.group.is_first:
            drop_resume_point(trial)
    best = sigmas[best_trial(tried)]
    # Where every trial diverged before there was a scale, so will what follows.
    if best is None:
        return torch.full((len(membership_of(plan)),), torch.inf, dtype=torch.float64)
    return best


def try_scale(job: TrialJob) -> tuple[dict[str, Any], Tensor | None]:
    """Train the first IRLS round under a scale; return what it reaches on validation, and that scale.

    A trial that diverges is an answer too: it says so, and is never chosen.
    """
    state, setup, plan = build(job)
    reached: dict[str, Any] = {
        "scale_factor": plan.scale_factor,
        "decides": job.measures[0],
        "validation": {},
        "best": {},
        "diverged": None,
    }
    try:
        train(job, state, setup, plan, keep=False)
        reached["diverged"] = state.diverged or None
        if not state.diverged:  # else the L2 start diverged
            means = validation_means(state, setup, job.measures)
            reached["validation"] = named(means, setup.task)
            reached["best"] = {measure.name: measure.direction for measure in means}
    except DivergedError as error:
        reached["diverged"] = str(error)
    return reached, state.sigma


def _end_at_last_record(job: TrainingJob, state: State, group: Group, sentence: str) -> None:
    """Put a run that diverged to its last record, with the sentence that says so.

    There its networks are finite, so that every job after this one can do its work; nothing is trained on
    from them, and no measure of theirs is taken. The weights that were found before it went astray stay.
    """
    print(sentence, flush=True)  # noqa: T201
    sigma, rounds = state.sigma, state.rounds
    _begin_or_resume(job, state, group)
    state.sigma, state.rounds, state.diverged = sigma, rounds, sentence


def write_outputs(job: TrainJob, state: State, setup: Setup, plan: Plan) -> None:
    """Write the state, the history, distances, and, of a round, its weights; then drop the resume point."""
    folder = job.folder
    if not state.diverged:
        say_alarms(state, setup)
    is_last = job.until in ("", plan.phases[-1].name)
    header = header_of(job)
    checkpoints.save(paths.state(folder), state, header, setup.group, history=False, optimizer=not is_last)
    distances = distances_of(state, setup, plan)
    if not setup.group.is_first:
        return
    write_history(folder, state.history)
    write_json(f"{folder}/distances.json", distances, seal=True)
    if job.round is not None:
        write_json(f"{folder}/weights.json", weights_of(state, setup, plan, job.round), seal=True)
    if (
        is_last
        and not state.diverged
        and (sentence := diagnosis(_weights(state.rounds), job.method, setup.names))
    ):
        print(sentence, flush=True)  # noqa: T201
    drop_resume_point(job)


def drop_resume_point(job: TrainingJob) -> None:
    """Delete what a job kept while it trained: its outputs are written."""
    shutil.rmtree(job.resume, ignore_errors=True)


def write_history(folder: str, history: Sequence[Row]) -> None:
    """Write history.csv and, apart from it, test_history.csv."""
    rows = as_floats(history)
    write_rows(f"{folder}/history.csv", COLUMNS, [row for row in rows if row[1] != "test"])
    write_rows(f"{folder}/test_history.csv", COLUMNS, [row for row in rows if row[1] == "test"])


def as_floats(history: Sequence[Row]) -> list[Row]:
    """Return a history as it is written to files: values as floats, which keep every digit."""
    return [(step, split, dataset, metric, float(value)) for step, split, dataset, metric, value in history]


def distances_of(state: State, setup: Setup, plan: Plan) -> dict[str, Any]:
    """Return the content of distances.json: the squared distances that the next round begins with."""
    membership, squared = membership_of(plan), distances_between(state, setup, plan)
    return {
        "layers": state.networks.layers,
        "blocks": block_names(state.networks.layers, membership),
        "datasets": setup.names,
        "layer_distances_squared": squared.tolist(),
        "distances_squared": block_distances_squared(squared, membership).tolist(),
    }


def weights_of(state: State, setup: Setup, plan: Plan, number: int) -> dict[str, Any]:
    """Return the content of a round's weights.json. After convergence, weights stay."""
    membership = membership_of(plan)
    if number <= len(state.rounds):
        found = state.rounds[number - 1].to_json()
    elif state.rounds:  # training has stopped before this round
        found = {**state.rounds[-1].to_json(), "delta": 0.0}
    else:  # a run that diverged under weights of 1
        n, infinite = len(setup.names), torch.full((len(membership),), torch.inf)
        found = Round(torch.ones(len(membership), n, n), infinite, None, False).to_json()
    return {
        "round": number,
        "blocks": block_names(state.networks.layers, membership),
        "datasets": setup.names,
        **found,
    }


def _weights(rounds: Sequence[Round]) -> list[np.ndarray]:
    return [found.weights.numpy() for found in rounds]


def _resume_header(job: TrainingJob) -> dict[str, Any]:
    return {**header_of(job), "job": job.digest}


def say_alarms(state: State, setup: Setup) -> None:
    """Print a line, kept in the state too, of what the task finds wrong with each trained network."""
    state.alarms.clear()
    found: list[list[str]] = []
    for index, (name, data) in enumerate(setup.data.items()):
        with state.at_work(index):
            found.append(setup.task.alarms(state.networks.modules[name], data.train))
    for name, alarms in zip(setup.names, setup.group.joined(found), strict=True):
        if alarms:
            state.alarms[name] = f"the network of {name} {' and '.join(alarms)}"
            print(f"{setup.label}: {state.alarms[name]}.", flush=True)  # noqa: T201


def validation_means(state: State, setup: Setup, measures: list[str]) -> dict[Measure, float]:
    """Return the means over datasets of the networks' measures on the validation split.

    The first measure decides and must be there; another that is known may need more images than this split
    has, and is left out.
    """
    found = []
    for index, (name, data) in enumerate(setup.data.items()):
        with state.at_work(index):
            network = state.networks.modules[name]
            results = setup.task.results(network, {"validation": data.validation}, data.train)
            found.append(results["validation"])
    of_datasets = setup.group.joined(found)
    given = {measure.name: measure for measure in set.intersection(*map(set, of_datasets))}
    check_given(measures, given, "on the validation split", first_decides=True)
    wanted = [given[name] for name in dict.fromkeys((*measures, "loss")) if name in given]
    return {measure: fmean(result[measure] for result in of_datasets) for measure in wanted}
