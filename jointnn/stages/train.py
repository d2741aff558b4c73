"""train: from a state to a later one: an L2 start, one IRLS round, or a whole method."""

from jointnn.jobs.specs import TrainJob
from jointnn.stages import run_training
from jointnn.stages.build import build


def run(job: TrainJob) -> None:
    """Write state.safetensors, histories, distances and, of a round, weights.json into the job's folder."""
    state, setup, plan = build(job)
    run_training.train(job, state, setup, plan)
    run_training.write_outputs(job, state, setup, plan)
