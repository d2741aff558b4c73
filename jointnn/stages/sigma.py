"""sigma: the scale of each block, 4.2.1, from distances at the L2 start, of halves, or by trials."""

import math

import torch

from jointnn.errors import UserError
from jointnn.io import paths
from jointnn.io.files import read_json, write_json
from jointnn.io.tensors import diverged
from jointnn.irls.rounds import scales_of, scales_of_halves
from jointnn.jobs.specs import SigmaJob
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
    of_halves = settings.scale == "split_half"
    if of_halves and (sentence := read_json(f"{job.halves}/ratios.json", "diverged")["diverged"]):
        raise UserError(f"Halves of datasets give no scale. {sentence}")
    distances = read_json(f"{job.halves if of_halves else job.l2}/distances.json", *KEYS)
    squared = torch.tensor(distances["distances_squared"], dtype=torch.float64)
    # Where the L2 start diverged, networks may be equal still, which gives no scale; nothing is trained
    # after it. Under a half-life of 0 all are one.
    no_scale = diverged(paths.state(job.l2)) or settings.strength.half_life == 0
    tried = [read_json(trial, *OF_A_TRIAL) for trial in job.trials]
    factor = tried[best_trial(tried)]["scale_factor"] if tried else settings.scale_factor
    found = scales_of_halves if of_halves else scales_of
    sigma = found(squared, math.inf if no_scale else factor)
    content = {
        "blocks": distances["blocks"],
        "sigma": sigma.tolist(),
        "scale_factor": factor,
        **({"trials": tried} if tried else {}),
    }
    write_json(job.sigma, content, seal=True)
