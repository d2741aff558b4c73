"""trial: the first IRLS round under one of three scale factors, measured on validation."""

from jointnn.io.files import write_json
from jointnn.jobs.specs import TrialJob
from jointnn.ranks.group import Group
from jointnn.stages.run_training import drop_resume_point, try_scale


def run(job: TrialJob) -> None:
    """Write runs/<experiment>/s<seed>/<method>/trial_<number>/validation.json: what a scale reaches."""
    reached, _ = try_scale(job)
    if Group.of(list(job.learners)).is_first:
        write_json(job.result, reached, seal=True)
        drop_resume_point(job)
