"""attempt: one point of the search, on a tuning seed. It reads training and validation alone."""

from typing import Any

from jointnn.errors import DivergedError
from jointnn.io.files import write_json
from jointnn.irls.tying import mean_weights
from jointnn.jobs.specs import AttemptJob
from jointnn.methods.plan import Plan
from jointnn.stages.build import build
from jointnn.stages.run_training import drop_resume_point, train, validation_means
from jointnn.tasks.base import named
from jointnn.training.couplings import membership_of
from jointnn.training.state import State


def run(job: AttemptJob) -> None:
    """Write search/<experiment>/s<seed>/<method>/point_<k>.json: a point and what it reaches on validation.

    A point that diverges is an answer too: it is written with the sentence, and never chosen.
    """
    state, setup, plan = build(job)
    result: dict[str, Any] = {"method": job.method, "point": job.point, "settings": job.overrides}
    try:
        train(job, state, setup, plan, keep=False)
        means = validation_means(state, setup, job.measures)
        result["validation"] = named(means, setup.task)
        result["best"] = {measure.name: measure.direction for measure in means}
        result["weights_of_rounds"] = [found.weights.tolist() for found in state.rounds]
        result["layers"] = _layer_weights(state, plan)
        result["diverged"] = None
    except DivergedError as error:
        result |= {
            "validation": {},
            "best": {},
            "weights_of_rounds": [],
            "layers": {},
            "diverged": str(error),
        }
    if setup.group.is_first:
        write_json(job.result, result, seal=True)
        drop_resume_point(job)


def _layer_weights(state: State, plan: Plan) -> dict[str, float]:
    """Return the mean weight of each layer in the last round; {} where no weights are found."""
    if not state.rounds:
        return {}
    of_layers = mean_weights(state.rounds[-1].weights.numpy(), membership_of(plan).numpy())
    return dict(zip(state.networks.layers, of_layers.tolist(), strict=True))
