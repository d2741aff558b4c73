"""l2: the L2 start (5) of `joint`, all weights 1: the part of the budget before the first round."""

from typing import Any

from jointnn.io import paths
from jointnn.stages.build import trainer_of
from jointnn.stages.run_training import load_start, train_phases, write_outputs
from jointnn.training.loop import Progress, finds_weights


def run(job: dict[str, Any]) -> None:
    """Write runs/<experiment>/s<seed>/l2/: networks, history, distances."""
    trainer, plan = trainer_of(job)
    progress = Progress()
    phases = [phase for phase in plan.phases if not finds_weights(phase)]
    train_phases(trainer, plan, phases, progress, job, lambda: load_start(trainer, job))
    write_outputs(paths.l2(job["experiment"], job["seed"]), trainer, plan, progress, job)
