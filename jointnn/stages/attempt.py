"""attempt: one point of the search, on a tuning seed. It reads training and validation alone."""

from functools import partial
from statistics import fmean
from typing import Any

from jointnn.errors import DivergedError
from jointnn.io import paths
from jointnn.io.files import write_json
from jointnn.irls.tying import mean_weights
from jointnn.methods.plan import Plan
from jointnn.stages.build import trainer_of
from jointnn.stages.run_training import drop_resume_point, load_start, train_phases
from jointnn.tasks.base import named
from jointnn.tasks.measures import Measure, check_given
from jointnn.training.couplings import membership_of
from jointnn.training.loop import Progress
from jointnn.training.state import Trainer


def run(job: dict[str, Any]) -> None:
    """Write search/<experiment>/s<seed>/<method>/point_<k>.json: a point and what it reaches on validation.

    A point that diverges is an answer too: it is written with the sentence, and never chosen.
    """
    trainer, plan = trainer_of(job)
    result: dict[str, Any] = {"method": job["method"], "point": job["point"], "settings": job["overrides"]}
    try:
        progress = Progress()
        start = partial(load_start, trainer, job)
        train_phases(trainer, plan, plan.phases, progress, job, start, keep=False)
        found = _means(trainer, job["measures"])
        result["validation"] = named(found, trainer.task)
        result["best"] = {measure.name: measure.direction for measure in found}
        result["weights_of_rounds"] = [weights.tolist() for weights in progress.weights_of_rounds]
        result["layers"] = _layer_weights(trainer, plan, progress)
        result["diverged"] = None
    except DivergedError as error:
        result |= {
            "validation": {},
            "best": {},
            "weights_of_rounds": [],
            "layers": {},
            "diverged": str(error),
        }
    write_json(paths.attempt(job["experiment"], job["seed"], job["method"], job["point"]), result)
    drop_resume_point(job)


def _layer_weights(trainer: Trainer, plan: Plan, progress: Progress) -> dict[str, float]:
    """The weight of each layer in the last round, mean over pairs; none where no weights are found."""
    if progress.found is None:
        return {}
    of_layers = mean_weights(progress.found.weights.numpy(), membership_of(plan).numpy())
    return dict(zip(trainer.networks.layers, of_layers.tolist(), strict=True))


def _means(trainer: Trainer, measures: list[str]) -> dict[Measure, float]:
    """Means over datasets of what the networks reach on the validation split.

    The first measure decides and must be there; another that is known may need more images than this split
    has, and is left out.
    """
    found = []
    for index, (name, data) in enumerate(trainer.data.items()):
        with trainer.at_work(index):
            network = trainer.networks.modules[name]
            found.append(trainer.task.results(network, {"validation": data.validation}, data.train))
    of_datasets = [result["validation"] for result in found]
    given = {measure.name: measure for measure in set.intersection(*map(set, of_datasets))}
    check_given(measures, given, "on the validation split", first_decides=True)
    wanted = [given[name] for name in dict.fromkeys((*measures, "loss")) if name in given]
    return {measure: fmean(result[measure] for result in of_datasets) for measure in wanted}
