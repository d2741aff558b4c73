"""Jobs by hand: the same with other settings, and starts of datasets that no params.yaml knows."""

from typing import Any, TypeVar

from jointnn.io.files import write_atomically
from jointnn.jobs.specs import InitialiseJob, Job

Made = TypeVar("Made", bound=Job)


def altered(job: Made, **changes: Any) -> Made:
    """The same job with other settings, or after other jobs."""
    return type(job)(**{**{name: getattr(job, name) for name in job.model_fields_set}, **changes})


def start_of(**changes: Any) -> InitialiseJob:
    """The start of three and five classes, on 8 grey pixels."""
    given = {
        "experiment": "x", "seed": 0, "datasets": ["three", "five"], "size": 8, "channels": 1,
        "trunk": None, "train_images": None, "validation_images": 1, "architecture": "small_conv",
        "architecture_options": {"width": 2}, "labelled": {}, "start": "runs/x/s0/start", "identity": "0",
    }  # fmt: skip
    return InitialiseJob(**{**given, **changes})


def finish(job: Job) -> None:
    """Write what a job leaves, empty files; its record last."""
    for file in job.outputs:
        write_atomically(file, b"")
    write_atomically(job.record, job.text.encode())
