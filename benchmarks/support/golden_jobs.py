"""The tiny jobs that golden bytes are made of, in the present folder, by kind."""

import shutil
from pathlib import Path

from jointnn.jobs.freshness import write_settings
from jointnn.jobs.graph import Jobs
from jointnn.jobs.specs import Job, TrainJob
from jointnn.parameters.load import read_params
from support import ROOT
from support.forked import forked


def golden() -> Jobs:
    """Write their parameters, and return their graph."""
    shutil.copytree(ROOT / "tests/golden/params", "params")
    shutil.copy(ROOT / "tests/golden/params.yaml", ".")
    return Jobs(read_params())


def training_jobs(jobs: Jobs, most: int) -> dict[str, list[TrainJob]]:
    """Return jobs that train, by kind, at most `most` of each."""
    whole = ("isolated", "fedamp", "finetune", "l2reg", "oracle", "joint_paper")
    found = {
        "an L2 start": [jobs.l2(name, 0, "joint") for name in ("plain", "normed", "completion")],
        "an IRLS round": [
            jobs.irls(name, 0, "joint", number) for name in ("plain", "normed") for number in (1, 2)
        ],
        "a whole method": [jobs.final("plain", 0, method) for method in whole],
        "parts that take turns": [
            jobs.final("dcgan", 0, "finetune"),
            jobs.l2("began", 0, "joint"),
            jobs.irls("dcgan", 0, "joint", 2),
        ],
        "tied layers": [jobs.final("tied", 0, "jae"), jobs.l2("tied", 0, "joint")],
        "networks on disk": [
            jobs.final("on_disk", 0, "l2reg"),
            jobs.final("on_disk_together", 0, "l2reg"),
            jobs.irls("on_disk", 0, "joint", 1),
        ],
    }
    return {kind: some[:most] for kind, some in found.items()}


def in_two_processes(job: TrainJob) -> TrainJob:
    """Return the same job, trained by two processes: it is to leave the bytes of one."""
    return TrainJob.model_validate({**job.model_dump(exclude_unset=True), "processes": 2})


def written(job: Job) -> dict[str, bytes]:
    """Return the files that a job has left, by path: outputs and record."""
    files = [*job.outputs, job.record]
    return {file: Path(file).read_bytes() for file in files if Path(file).is_file()}


def run_once(job: Job) -> tuple[float, int]:
    """Run a job undisturbed; return seconds and calls on files.

    Raises:
        AssertionError: it failed.
    """
    ended = forked([job.stage, write_settings(job)])
    assert not ended.code, ended.said
    return ended.seconds, ended.calls
