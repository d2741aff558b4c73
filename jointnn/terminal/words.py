"""Jobs, durations and sizes in words: `tiny: irls joint, round 2, seed 0`, `about 3 min`, `1.2 GB`."""

from jointnn.jobs.specs import (
    ActivationsJob,
    AttemptJob,
    FetchJob,
    InitialiseJob,
    Job,
    PrepareJob,
    SweepJob,
    TrainJob,
    TrialJob,
)
from jointnn.registry import short

MINUTE, HOUR, DAY = 60, 3600, 86400


def kind_of(job: Job) -> str:
    """Return the kind of jobs that take about as long as a job: rule and method, `train isolated`."""
    return f"{job.rule} {job.method}" if hasattr(job, "method") else job.rule


def which_of(job: Job) -> str:
    """Return the name of a job among others of its kind: `round 2, seed 0`."""
    match job:
        case FetchJob():
            return job.dataset
        case ActivationsJob():
            return f"{job.dataset}, {job.size} pixels, {short(job.trunk)}"
        case PrepareJob():
            return f"{job.dataset}, {job.size} pixels"
        case SweepJob():
            return job.sweep
        case AttemptJob():
            return f"point {job.point}, seed {job.seed}"
        case TrialJob():
            return f"trial {job.number}, seed {job.seed}"
        case TrainJob() if job.round is not None:
            return f"round {job.round}, seed {job.seed}"
        case InitialiseJob() if own := job.start.rpartition("/")[2].partition("_")[2]:
            return f"for {own}, seed {job.seed}"
    return f"seed {job.seed}" if hasattr(job, "seed") else ""


def label(experiment: str, kind: str, which: str) -> str:
    """Return the label of a job: `tiny: train isolated, seed 0`, or `fetch leaves` of no experiment."""
    if not experiment:
        return f"{kind} {which}".strip()
    return f"{experiment}: {kind}, {which}" if which else f"{experiment}: {kind}"


def exactly(seconds: float) -> str:
    """Return a measured duration in words: `0.4 s`, `12 s`, `1 min 5 s`, `2 h 3 min`."""
    if seconds < 1:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    for size, unit, smaller, name in (
        (DAY, "d", HOUR, "h"),
        (HOUR, "h", MINUTE, "min"),
        (MINUTE, "min", 1, "s"),
    ):
        if whole >= size:
            rest = whole % size // smaller
            return f"{whole // size} {unit}" + (f" {rest} {name}" if rest else "")
    return f"{whole} s"


def about(seconds: float) -> str:
    """Return a guessed duration in words, in no more digits than a guess has: `about 3 min`."""
    if seconds < 10:
        return "a few seconds"
    steps = (
        (MINUTE, 5),
        (2 * MINUTE, 10),
        (20 * MINUTE, MINUTE),
        (2 * HOUR, 5 * MINUTE),
        (DAY, 10 * MINUTE),
    )
    step = next((step for end, step in steps if seconds < end), HOUR)
    return f"about {exactly(max(round(seconds / step), 1) * step)}"


def size(count: float) -> str:
    """Return a number of bytes in words, in two or three digits: `512 B`, `1.2 GB`."""
    units = ["B", "kB", "MB", "GB", "TB"]
    while count >= 999.5 and len(units) > 1:
        count /= 1000
        units.pop(0)
    unit = units[0]
    return f"{count:.1f} {unit}" if count < 9.95 and unit != "B" else f"{count:.0f} {unit}"


def several(count: int, one: str, more: str = "") -> str:
    """Return a number and what it counts, in words: `1 job`, `1,200 jobs`."""
    return f"{count:,} {one if count == 1 else more or one + 's'}"
