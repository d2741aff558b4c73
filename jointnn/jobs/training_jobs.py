"""The settings of the jobs that train: starts, methods in one job, and methods whose rounds are jobs.

Functions of the parameters; which job comes after which is said by `graph`.
"""

from collections.abc import Mapping
from typing import Any

from jointnn.io import paths
from jointnn.methods.scale_trials import factors_tried
from jointnn.methods.split_halves import halved
from jointnn.parameters import search
from jointnn.parameters.resolve import method_settings, settings_for
from jointnn.parameters.rows import row_of
from jointnn.parameters.schema import ExperimentParams, Params

HOW_WEIGHTS_ARE_FOUND = ("scale", "scale_factor", "weighting", "tolerance", "stop_when_converged")
ROUNDS_ONLY = {"rounds", "restart", *HOW_WEIGHTS_ARE_FOUND}
"""Settings that the L2 start of a method with rounds does not read."""
WHAT_IS_COUPLED = ("couple_head", "couple_batch_norm", "couple", "tied", "blocks")
"""Settings that say which layers are coupled, and which blocks they make."""
OF_SIGMA = ("scale", "scale_factor", "strength", "blocks")
"""Settings that the scales depend on."""


def initialise(params: Params, experiment: str, seed: int, own: str, *, searched: bool) -> dict[str, Any]:
    """Return the settings of the common start of a seed, or of the start of `own`.

    `own` is a method with another network, or "".

    The search has its starts in a folder of its own.
    """
    place = paths.search_start if searched else paths.start
    return {
        "stage": "initialise",
        **problem(params, experiment, seed, own),
        "start": place(experiment, seed, own),
        "purpose": _purpose(params, experiment, own, searched=searched),
    }


def _purpose(params: Params, experiment: str, own: str, *, searched: bool) -> dict[str, Any]:
    """Return the use of the networks of a start: the task, and all methods that begin there.

    Of the points of a search, those are named that couple other layers.
    """
    chosen = params.experiments[experiment]
    told: dict[str, Any] = {}
    for name in chosen.search if searched else chosen.methods:
        if own_network(params, experiment, name) != own:
            continue
        seen: list[Any] = []
        for number, point in enumerate(search.points(chosen, name) if searched else [None]):
            settings = settings_for(name, method_settings(params, experiment, name, point))
            if (coupled := [settings.get(key) for key in WHAT_IS_COUPLED]) not in seen:
                seen.append(coupled)
                label = name if number == 0 else f"{name} (point {number})"
                plan = row_of(name).plan
                told[label] = {"plan": plan, "settings": settings, **_planted(chosen, plan)}
    return {
        "task": chosen.task,
        "task_options": chosen.task_options,
        "augmentation": chosen.augmentation,
        "methods": told,
    }


def train(params: Params, experiment: str, seed: int, name: str) -> dict[str, Any]:
    """Return the settings of a method in one job."""
    read = settings_for(name, method_settings(params, experiment, name))
    return {**_training("train", params, experiment, seed, name, read), "until": ""}


def l2(params: Params, experiment: str, seed: int, name: str) -> dict[str, Any]:
    """Return the settings of the L2 start (5) of a method with rounds."""
    read = settings_for(name, method_settings(params, experiment, name))
    # The number of rounds and how weights are found make no difference before the first round.
    first = {key: value for key, value in read.items() if key not in ROUNDS_ONLY}
    return {**_training("train", params, experiment, seed, name, first), "until": "l2"}


def split_halves(params: Params, experiment: str, seed: int, name: str) -> dict[str, Any]:
    """Return the settings of the halves of datasets, under the L2 start of a method with rounds."""
    start = l2(params, experiment, seed, name)
    return {
        **start,
        "stage": "split_halves",
        "settings": halved(start["settings"]),
        "curves": False,
        "halves": paths.halves(experiment, seed, name),
    }


def trial(params: Params, experiment: str, seed: int, name: str, number: int) -> dict[str, Any]:
    """Return the settings of the first IRLS round under one of the scales that are tried."""
    read = method_settings(params, experiment, name)
    tried = {"scale": "nearest", "scale_factor": factors_tried(read)[number - 1]}
    settings = settings_for(name, read.model_copy(update=tried))
    return {
        **_training("trial", params, experiment, seed, name, settings),
        "until": "round_1",
        "round": 1,
        "curves": False,
        "trial": paths.trial(experiment, seed, name, number),
        "number": number,
        "measures": params.experiments[experiment].measures[:1],  # others decide nothing
    }


def irls(params: Params, experiment: str, seed: int, name: str, number: int) -> dict[str, Any]:
    """Return the settings of one IRLS round."""
    read = settings_for(name, method_settings(params, experiment, name))
    of_round = {"until": f"round_{number}", "round": number}
    return {**_training("train", params, experiment, seed, name, read), **of_round}


def sigma(params: Params, experiment: str, seed: int, name: str) -> dict[str, Any]:
    """Return the settings of the job that finds the scales of 4.2.1."""
    read = settings_for(name, method_settings(params, experiment, name))
    return {
        "stage": "sigma",
        "experiment": experiment,
        "seed": seed,
        "method": name,
        "settings": {key: read[key] for key in OF_SIGMA if key in read},
    }


def attempt(params: Params, experiment: str, seed: int, name: str, point: int) -> dict[str, Any]:
    """Return the settings of a grid point of the search, on a tuning seed."""
    chosen = params.experiments[experiment]
    overrides = search.points(chosen, name)[point]
    read = settings_for(name, method_settings(params, experiment, name, overrides))
    return {
        **_training("attempt", params, experiment, seed, name, read),
        "start": paths.search_start(experiment, seed, own_network(params, experiment, name)),
        "point": point,
        "overrides": overrides,
        "measures": chosen.measures,
        "curves": False,
    }


def _training(
    stage: str, params: Params, experiment: str, seed: int, name: str, settings: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the settings that all jobs that train have in common."""
    chosen = params.experiments[experiment]
    own = own_network(params, experiment, name)
    processes = method_settings(params, experiment, name).processes
    return {
        "stage": stage,
        **problem(params, experiment, seed, own),
        **_planted(chosen, row_of(name).plan),
        "start": paths.start(experiment, seed, own),
        "method": name,
        "plan": row_of(name).plan,
        "task": chosen.task,
        "task_options": chosen.task_options,
        "settings": settings,
        "augmentation": chosen.augmentation,
        "curves": True,
        **({"processes": processes} if processes > 1 else {}),
    }


def _planted(chosen: ExperimentParams, plan: str) -> dict[str, Any]:
    """Return the settings with the planted groups; {} for every method but `oracle`."""
    told = plan == "oracle"
    return {"groups": chosen.groups, "shared_blocks": chosen.shared_blocks} if told else {}


def problem(params: Params, experiment: str, seed: int, own: str = "") -> dict[str, Any]:
    """Return the settings of data and network, of an experiment or of a method with its own network."""
    chosen = params.experiments[experiment]
    return {
        "experiment": experiment,
        "seed": seed,
        "datasets": chosen.datasets,
        "size": chosen.image_size,
        "channels": chosen.channels,
        "trunk": chosen.trunk,
        "train_images": chosen.train_images,
        "validation_images": chosen.validation_images,
        "architecture": chosen.architecture,
        "architecture_options": chosen.options_of(own),
        "labelled": chosen.labelled,
    }


def own_network(params: Params, experiment: str, name: str) -> str:
    """Return the name of a method if its network is not that of the experiment, else ""."""
    return name if name in params.experiments[experiment].architecture_of else ""
