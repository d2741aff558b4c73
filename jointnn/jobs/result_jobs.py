"""The settings of the jobs after training: measures, tables, figures, sweeps, the choice of the search.

Functions of the parameters; which job comes after which is said by `graph`.
"""

from collections.abc import Mapping
from typing import Any

from jointnn.io import paths
from jointnn.jobs.specs import CollectJob
from jointnn.jobs.training_jobs import problem
from jointnn.methods.catalogue import REAL
from jointnn.methods.settings import MethodSettings
from jointnn.parameters import search
from jointnn.parameters.contamination import seen_in_pretraining
from jointnn.parameters.corners import corners
from jointnn.parameters.resolve import method_settings
from jointnn.parameters.rows import row_of
from jointnn.parameters.schema import Params

OF_FIRST = ("methods", "datasets", "seeds", "reference", "features", "generated")
"""Settings that a sweep has from the first of its experiments."""


def evaluate(params: Params, experiment: str, seed: int, runs: Mapping[str, str]) -> dict[str, Any]:
    """Return the settings of the job that measures every method of a seed.

    Args:
        runs: the folder of each method's networks.
    """
    chosen = params.experiments[experiment]
    return {
        "stage": "evaluate",
        **problem(params, experiment, seed),
        "task": chosen.task,
        "task_options": chosen.task_options,
        "architecture_of": chosen.architecture_of,
        "device": _device(params, experiment),
        "runs": runs,
    }


def collect(params: Params, experiment: str) -> dict[str, Any]:
    """Return the settings of the job that brings all seeds of an experiment into tables."""
    chosen = params.experiments[experiment]
    return {
        "stage": "collect",
        **_shown(params, experiment),
        "reference": [*(name for name in chosen.methods if row_of(name).reference), REAL],
        "selection": search.rule(params, experiment),
        "sources": {name: params.datasets[name].source for name in chosen.datasets},
        "seen": seen_in_pretraining(chosen, params.datasets),
        "corners": corners(params, experiment),
        "task": chosen.task,
        "features": chosen.task_options.get("features"),
        "generated": chosen.task_options.get("generated"),
    }


def figures(params: Params, experiment: str, rounds: Mapping[str, int]) -> dict[str, Any]:
    """Return the settings of the job that draws the figures of an experiment.

    Args:
        rounds: of each method whose rounds are jobs, how many there are.
    """
    chosen = params.experiments[experiment]
    tried = [name for name in rounds if method_settings(params, experiment, name).scale == "trials"]
    return {
        "stage": "figures",
        **_shown(params, experiment),
        "rounds": rounds,
        "groups": chosen.groups,
        "groups_round": chosen.groups_round,
        "size": chosen.image_size,
        "figures": [name for name in chosen.figures if name != paths.SPLIT_HALVES],  # see `ratios`
        **({"tried": tried} if tried else {}),
    }


def ratios(params: Params, experiment: str, method: str) -> dict[str, Any]:
    """Return the settings of the job that shows what the data of an experiment tell apart.

    Args:
        method: the one under whose L2 start the halves are trained.
    """
    chosen = params.experiments[experiment]
    return {
        "stage": "ratios",
        "experiment": experiment,
        "method": method,
        "datasets": chosen.datasets,
        "seeds": chosen.seeds,
        "groups": chosen.groups,
    }


def sweep(params: Params, name: str, tables: Mapping[str, CollectJob]) -> dict[str, Any]:
    """Return the settings of a sweep: several experiments that differ in one number.

    Args:
        tables: the job that makes the tables of each.
    """
    chosen = params.sweeps[name]
    first = next(iter(tables.values()))
    seen_by_any = [dataset for job in tables.values() for dataset in job.seen]
    return {
        "stage": "sweep",
        "sweep": name,
        **chosen.model_dump(),
        "yardsticks": {found.source: found.value for found in chosen.yardsticks.values()},
        **{key: getattr(first, key) for key in OF_FIRST},
        "datasets": first.datasets
        if all(job.datasets == first.datasets for job in tables.values())
        else [],
        "selections": {
            experiment: search.rule(params, experiment, beside_others=True) for experiment in tables
        },
        "seen": list(dict.fromkeys(seen_by_any)),
        "corners": {
            method: corner
            for method, corner in first.corners.items()
            if all(job.corners.get(method) == corner for job in tables.values())
        },
    }


def choose(params: Params, experiment: str) -> dict[str, Any]:
    """Return the settings of the job that chooses for the search."""
    chosen = params.experiments[experiment]
    return {
        "stage": "choose",
        "experiment": experiment,
        "attempts": {str(seed): grid for seed, grid in search.attempts(chosen).items()},
        "grid": search.digest(chosen),
        "measures": chosen.measures,
        "groups_count": len(chosen.groups) if chosen.groups else None,
        "ties": "jae_found" in chosen.methods,
        "tuning_seed": chosen.tuning_seed,
    }


def _shown(params: Params, experiment: str) -> dict[str, Any]:
    """Return the settings that tables and figures have in common."""
    chosen = params.experiments[experiment]
    return {
        "experiment": experiment,
        "methods": chosen.methods,
        "datasets": chosen.datasets,
        "seeds": chosen.seeds,
        "measures": chosen.measures,
    }


def _device(params: Params, experiment: str) -> str:
    """Return the device that all methods of an experiment have in common."""
    chosen, usual = params.experiments[experiment], MethodSettings.model_fields["device"].default
    return str({**params.presets[chosen.preset], **chosen.settings}.get("device", usual))
