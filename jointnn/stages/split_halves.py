"""split_halves: by how much networks differ by chance, from networks of two halves of every dataset."""

from math import isnan

import torch
from torch import Tensor

from jointnn.io.files import write_json, write_rows
from jointnn.irls import split_halves
from jointnn.jobs.specs import SplitHalvesJob
from jointnn.stages import run_training
from jointnn.stages.build import build


def run(job: SplitHalvesJob) -> None:
    """Write ratios.json, distances.json and history.csv into runs/<experiment>/s<seed>/<method>/halves/.

    Two copies of every network learn from the two halves of its training images, in batches half as large,
    all of them under the L2 start of the method, for as many steps. The networks themselves are not kept.
    """
    state, setup, plan = build(job)
    run_training.train(job, state, setup, plan)
    distances = run_training.distances_of(state, setup, plan)
    if not setup.group.is_first:
        return
    between = torch.tensor(distances["layer_distances_squared"], dtype=torch.float64)
    write_rows(f"{job.folder}/history.csv", run_training.COLUMNS, run_training.as_floats(state.history))
    write_json(job.distances, distances, seal=True)
    content = {
        "layers": distances["layers"],
        "datasets": job.datasets,
        "ratios": None if state.diverged else _as_json(split_halves.split_half_ratios(between)),
        "diverged": state.diverged,
    }
    write_json(job.ratios, content, seal=True)
    run_training.drop_resume_point(job)


def _as_json(ratios: Tensor) -> list[list[list[float | None]]]:
    """Return ratios (L, N, N) for JSON, which has no NaN: None where there is no chance to measure by."""
    return [[[None if isnan(r) else r for r in row] for row in layer] for layer in ratios.tolist()]
