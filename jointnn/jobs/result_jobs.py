"""The jobs after training: measures, tables, figures, sweeps, and the choice of the search.

Functions of a params.yaml and of the jobs before. Which those are is said by `graph`.
"""

from collections.abc import Mapping
from typing import Any

from jointnn.jobs.code_digests import code_digests
from jointnn.jobs.data_jobs import made
from jointnn.jobs.specs import ChooseJob, CollectJob, EvaluateJob, FiguresJob, Job, SweepJob
from jointnn.jobs.training_jobs import entries_of, problem
from jointnn.methods.catalogue import REAL
from jointnn.methods.settings import MethodSettings
from jointnn.parameters import search
from jointnn.parameters.contamination import seen
from jointnn.parameters.schema import Params

Before = Mapping[str, Job]
OF_FIRST = ("methods", "datasets", "seeds", "reference", "features", "generated")
"""What a sweep has from the first of its experiments."""


def evaluate(
    params: Params, experiment: str, seed: int, runs: Mapping[str, str], before: Before
) -> EvaluateJob:
    """Measure every method of a seed.

    Args:
        runs: the folder of each method's networks.
    """
    chosen = params.experiments[experiment]
    settings = {
        "stage": "evaluate",
        **problem(params, experiment, seed),
        "task": chosen.task,
        "task_options": chosen.task_options,
        "architecture_of": chosen.architecture_of,
        "device": _device(params, experiment),
        "runs": runs,
    }
    code = code_digests("evaluate", entries_of(params, experiment, "architecture", "task"))
    return made(EvaluateJob, settings, code, before)


def collect(params: Params, experiment: str, before: Before) -> CollectJob:
    """Bring all seeds of an experiment into tables."""
    chosen = params.experiments[experiment]
    settings = {
        "stage": "collect",
        **_shown(params, experiment),
        "reference": [*(name for name in chosen.methods if name == "oracle"), REAL],
        "selection": search.rule(params.experiments, experiment),
        "sources": {name: params.datasets[name].source for name in chosen.datasets},
        "seen": seen(chosen, params.datasets),
        "task": chosen.task,
        "features": chosen.task_options.get("features"),
        "generated": chosen.task_options.get("generated"),
    }
    return made(CollectJob, settings, code_digests("collect"), before)


def figures(params: Params, experiment: str, rounds: Mapping[str, int], before: Before) -> FiguresJob:
    """Draw the figures of an experiment.

    Args:
        rounds: of each method whose rounds are jobs, how many there are.
    """
    chosen = params.experiments[experiment]
    settings = {
        "stage": "figures",
        **_shown(params, experiment),
        "rounds": rounds,
        "groups": chosen.groups,
        "groups_round": chosen.groups_round,
        "size": chosen.image_size,
        "figures": chosen.figures,
    }
    code = code_digests("figures", [("figure", name) for name in chosen.figures])
    return made(FiguresJob, settings, code, before)


def sweep(params: Params, name: str, before: Mapping[str, CollectJob]) -> SweepJob:
    """Bring several experiments together that differ in one number.

    Args:
        before: the tables of each, which hold the digests of every evaluation.
    """
    chosen = params.sweeps[name]
    first = next(iter(before.values()))
    seen_by_any = [dataset for job in before.values() for dataset in job.seen]
    settings = {
        "stage": "sweep",
        "sweep": name,
        **chosen.model_dump(),
        **{key: getattr(first, key) for key in OF_FIRST},
        "selections": {
            experiment: search.rule(params.experiments, experiment, beside_others=True)
            for experiment in before
        },
        "seen": list(dict.fromkeys(seen_by_any)),
    }
    return made(SweepJob, settings, code_digests("sweep"), before)


def choose(params: Params, experiment: str, before: Before) -> ChooseJob:
    """Choose the best point of each method."""
    chosen = params.experiments[experiment]
    settings = {
        "stage": "choose",
        "experiment": experiment,
        "attempts": {str(seed): grid for seed, grid in search.attempts(chosen).items()},
        "measures": chosen.measures,
        "groups_count": len(chosen.groups) if chosen.groups else None,
        "ties": "jae_found" in chosen.methods,
        "tuning_seed": chosen.tuning_seed,
    }
    return made(ChooseJob, settings, code_digests("choose"), before)


def _shown(params: Params, experiment: str) -> dict[str, Any]:
    """Return what tables and figures show."""
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
