"""sigma: the scale of each block, 4.2.1, from the distances at the L2 start."""

import math

import torch

from jointnn.io import paths
from jointnn.io.files import read_json, write_json
from jointnn.io.tensors import diverged
from jointnn.irls.rounds import scales_of
from jointnn.jobs.specs import SigmaJob
from jointnn.methods.settings import MethodSettings


def run(job: SigmaJob) -> None:
    """Write runs/<experiment>/s<seed>/<method>/sigma.json.

    Raises:
        UserError: in some block every network equals another one.
    """
    settings = MethodSettings.model_validate(job.settings)
    distances = read_json(f"{job.l2}/distances.json", "blocks", "distances_squared")
    squared = torch.tensor(distances["distances_squared"], dtype=torch.float64)
    # Where the L2 start diverged, networks may be equal still, which gives no scale; nothing is trained
    # after it. Under a half-life of 0 all are one.
    no_scale = diverged(paths.state(job.l2)) or settings.strength.half_life == 0
    sigma = scales_of(squared, math.inf if no_scale else settings.scale_factor)
    content = {
        "blocks": distances["blocks"],
        "sigma": sigma.tolist(),
        "scale_factor": settings.scale_factor,
    }
    write_json(job.sigma, content, seal=True)
