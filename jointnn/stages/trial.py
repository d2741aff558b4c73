"""trial: the first IRLS round under one of the scales that are tried, measured on validation."""

from typing import Any

from jointnn.errors import DivergedError
from jointnn.io.files import write_json
from jointnn.jobs.specs import TrialJob
from jointnn.stages.build import build
from jointnn.stages.run_training import drop_resume_point, train, validation_means
from jointnn.tasks.base import named


def run(job: TrialJob) -> None:
    """Write runs/<experiment>/s<seed>/<method>/trial_<number>/validation.json: a scale and what it reaches.

    A trial that diverges is an answer too: it is written with the sentence, and never chosen.
    """
    state, setup, plan = build(job)
    result: dict[str, Any] = {
        "scale_factor": plan.scale_factor,
        "decides": job.measures[0],
        "validation": {},
        "best": {},
    }
    try:
        train(job, state, setup, plan, keep=False)
        result["diverged"] = state.diverged or None
        if not state.diverged:  # else the L2 start diverged
            means = validation_means(state, setup, job.measures)
            result["validation"] = named(means, setup.task)
            result["best"] = {measure.name: measure.direction for measure in means}
    except DivergedError as error:
        result["diverged"] = str(error)
    if setup.group.is_first:
        write_json(job.result, result, seal=True)
        drop_resume_point(job)
