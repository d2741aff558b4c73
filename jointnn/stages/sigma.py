"""sigma: the scale of each block, 4.2.1, from distances at the L2 start, of halves, or by trials."""

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from jointnn.errors import UserError
from jointnn.io import paths
from jointnn.io.files import read_json, write_json
from jointnn.io.tensors import diverged
from jointnn.irls.rounds import found_by_halves, scales_of
from jointnn.jobs.specs import SigmaJob
from jointnn.methods.scale_trials import factor_for_halves
from jointnn.methods.settings import MethodSettings
from jointnn.tasks.measures import best_trial

KEYS = ("blocks", "distances_squared")
"""Keys of a file of distances."""
OF_A_TRIAL = ("scale_factor", "decides", "validation", "best")
"""Keys of the result of a trial."""


def run(job: SigmaJob) -> None:
    """Write runs/<experiment>/s<seed>/<method>/sigma.json.

    Raises:
        UserError: in some block every network equals another one, or the halves of every dataset are
            equal, or a network of a half diverged.
    """
    settings = MethodSettings.model_validate(job.settings)
    of_halves = "halves" in job.before
    distances = read_json(f"{job.l2}/distances.json", *KEYS)
    squared = read_halves(job.halves) if of_halves else _squared(distances)
    # Where the L2 start diverged, networks may be equal still, which gives no scale; nothing is trained
    # after it. Under a half-life of 0 all are one.
    no_scale = diverged(paths.state(job.l2)) or settings.strength.half_life == 0
    tried = [read_json(trial, *OF_A_TRIAL) for trial in job.trials]
    factor = tried[best_trial(tried)]["scale_factor"] if tried else settings.scale_factor
    if of_halves:
        used = math.inf if no_scale else factor_for_halves(settings.weighting, factor)
        sigma, weights = found_by_halves(squared, settings.weighting, used)
    else:
        sigma, weights = scales_of(squared, math.inf if no_scale else factor), None
    content = {
        "blocks": distances["blocks"],
        "sigma": sigma.tolist(),
        "scale_factor": factor,
        **({} if weights is None else {"weights": weights.tolist()}),
        **({"trials": tried} if tried else {}),
    }
    write_json(job.sigma, content, seal=True)


def read_halves(folder: str) -> Tensor:
    """Return the squared distances of halves by block, shape (B, 2n, 2n).

    Raises:
        UserError: a network of a half diverged.
    """
    if sentence := read_json(f"{folder}/ratios.json", "diverged")["diverged"]:
        raise UserError(f"Halves of datasets give no scale. {sentence}")
    return _squared(read_json(f"{folder}/distances.json", *KEYS))


def _squared(distances: Mapping[str, Any]) -> Tensor:
    return torch.tensor(distances["distances_squared"], dtype=torch.float64)
