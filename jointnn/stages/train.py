"""train: a whole method in one job, from the common start to the end of its budget."""

from typing import Any

from jointnn.io import paths
from jointnn.stages.build import trainer_of
from jointnn.stages.run_training import load_start, say_if_degenerated, train_phases, write_outputs
from jointnn.training.loop import Progress


def run(job: dict[str, Any]) -> None:
    """Write runs/<experiment>/s<seed>/<method>/: networks, history, distances."""
    trainer, plan = trainer_of(job)
    progress = Progress()
    train_phases(trainer, plan, plan.phases, progress, job, lambda: load_start(trainer, job))
    folder = f"{paths.seed_folder(job['experiment'], job['seed'])}/{job['method']}"
    write_outputs(folder, trainer, plan, progress, job)
    if not trainer.diverged:
        say_if_degenerated(job["method"], progress.weights_of_rounds, job["datasets"])
