"""attempt: one point of the search, on a tuning seed. It reads training and validation alone."""

from typing import Any

from jointnn import paths
from jointnn.errors import DivergedError, UserError
from jointnn.experiment import trainer_of
from jointnn.files import write_json
from jointnn.phases import Progress
from jointnn.running import drop_resume_point, load_start, train_phases
from jointnn.training import Row


def run(job: dict[str, Any]) -> None:
    """Write search/<experiment>/s<seed>/<method>/point_<k>.json: a point and what it reaches on validation.

    A point that diverges is an answer too: it is written with the sentence, and never chosen.
    """
    trainer, plan = trainer_of(job)
    result: dict[str, Any] = {"method": job["method"], "point": job["point"], "settings": job["overrides"]}
    try:
        progress = Progress()
        train_phases(trainer, plan, plan.phases, progress, job, lambda: load_start(trainer, job))
        last = [row for row in trainer.history if row[0] == trainer.step and row[1] == "validation"]
        result["validation"] = {name: _mean(last, name) for name in [*job["measures"], "loss"]}
        result["weights_of_rounds"] = [weights.tolist() for weights in progress.weights_of_rounds]
        result["diverged"] = None
    except DivergedError as error:
        result |= {"validation": {}, "weights_of_rounds": [], "diverged": str(error)}
    write_json(paths.attempt(job["experiment"], job["seed"], job["method"], job["point"]), result)
    drop_resume_point(job)


def _mean(rows: list[Row], metric: str) -> float:
    """The mean of a metric over datasets."""
    values = [row[4] for row in rows if row[3] == metric]
    if not values:
        known = ", ".join(sorted({row[3] for row in rows}))
        raise UserError(f"measures: the task gives no {metric!r}, only {known}. Mend it in params.yaml.")
    return sum(values) / len(values)
