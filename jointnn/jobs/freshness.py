"""Which jobs are up to date, and how Snakemake, which looks at times alone, is told so.

A job is fresh exactly if the record beside its outputs is equal to its settings, which hold the digests of
all jobs before it. So freshness is decided by content, wherever the outputs came from: a checkout of DVC
gives files any times in any order.
"""

import os
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from jointnn.io import paths
from jointnn.io.files import to_json, write_atomically
from jointnn.jobs.data_jobs import Job
from jointnn.jobs.graph import Jobs
from jointnn.parameters import search

# The settings file of a fresh job must be older than all that the job has made.
LONG_AGO = 0


def is_fresh(job: Job) -> bool:
    """Whether a job's outputs were made with these very settings."""
    record = Path(paths.record(job))
    return record.exists() and record.read_text(encoding="utf-8") == to_json(job)


def write_settings(job: Job) -> str:
    """Write a job's settings file, newer than the outputs exactly if they were made with other settings.

    Returns:
        Its path. Where there are no outputs yet it is old too: Snakemake sees that they are missing.
    """
    path, text = Path(paths.SETTINGS, paths.record(job)), to_json(job)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        write_atomically(path, text.encode())
    is_stale = Path(paths.record(job)).exists() and not is_fresh(job)
    os.utime(path, None if is_stale else (LONG_AGO, LONG_AGO))
    return str(path)


def mend_times(jobs: Jobs, experiment: str) -> None:
    """Make the outputs of fresh jobs at least as new as those of the fresh jobs before them, and none of
    the future, which Snakemake takes for a wrong clock."""
    _mend(jobs_in_order(jobs, experiment))


def mend_times_of_sweep(jobs: Jobs, name: str) -> None:
    """The same for a sweep and all its experiments."""
    _mend(jobs_of_sweep_in_order(jobs, name))


def _mend(in_order: Iterable[tuple[Job, list[Job]]]) -> None:
    """`mend_times` of jobs, each with those just before it."""
    newest: dict[str, int] = {}
    now = time.time_ns()
    for job, before in in_order:
        if not is_fresh(job):
            continue
        floor = max((newest.get(paths.record(other), 0) for other in before), default=0)
        times = [floor]
        for file in _outputs(job):
            found = file.stat().st_mtime_ns
            times.append(min(max(found, floor), now))
            if times[-1] != found:
                os.utime(file, ns=(times[-1], times[-1]))
        newest[paths.record(job)] = max(times)


def _outputs(job: Job) -> Iterator[Path]:
    """The files of a job: those beside its record (where jobs share a folder, those named like it), the
    one that DVC wants apart from them, and the benchmark, which is an output to Snakemake."""
    record = Path(paths.record(job))
    stem = record.name.removesuffix("settings.json").rstrip(".")
    apart = {"collect": paths.metrics, "figures": paths.curves}.get(job["stage"])
    patterns = [f"{stem}.*", f"{stem}-test.*"] if stem else ["*"]
    found = [file for pattern in patterns for file in record.parent.glob(pattern)]
    found += [Path(apart(job["experiment"]))] if apart else []
    found += [Path(paths.benchmark(job))]
    return (file for file in found if file.is_file())


def jobs_of_sweep_in_order(jobs: Jobs, name: str) -> Iterator[tuple[Job, list[Job]]]:
    """Every job of a sweep and of its experiments with those just before it, which come first."""
    experiments = jobs.params.sweeps[name].experiments
    for experiment in experiments:
        yield from jobs_in_order(jobs, experiment)
    yield jobs.sweep(name), [jobs.collect(experiment) for experiment in experiments]


def jobs_in_order(jobs: Jobs, experiment: str) -> Iterator[tuple[Job, list[Job]]]:
    """Every job of an experiment with those just before it, which come first."""
    chosen = jobs.params.experiments[experiment]
    prepared = []
    for dataset in chosen.datasets:
        fetch, prepare = jobs.fetch(dataset), jobs.prepare(dataset, chosen.image_size, chosen.channels)
        prepared.append(jobs.images(experiment, dataset))
        yield fetch, []
        yield prepare, [fetch]
        if chosen.trunk:
            yield prepared[-1], [prepare]
    for seed in chosen.seeds:
        for own in jobs.starts(experiment):
            yield jobs.initialise(experiment, seed, own), prepared
        yield from _training(jobs, experiment, seed)
        finals = [jobs.final(experiment, seed, name) for name in chosen.methods]
        yield jobs.evaluate(experiment, seed), finals
    evaluations = [jobs.evaluate(experiment, seed) for seed in chosen.seeds]
    yield jobs.collect(experiment), evaluations
    yield jobs.figures(experiment), evaluations
    yield from _search(jobs, experiment, prepared)


def _training(jobs: Jobs, experiment: str, seed: int) -> Iterator[tuple[Job, list[Job]]]:
    for name in jobs.params.experiments[experiment].methods:
        start = jobs.initialise(experiment, seed, jobs.own_network(experiment, name))
        if name != "joint":
            yield jobs.train(experiment, seed, name), [start]
            continue
        l2, before = jobs.l2(experiment, seed), jobs.sigma(experiment, seed)
        yield l2, [start]
        yield before, [l2]
        for number in range(1, jobs.rounds(experiment) + 1):
            now = jobs.irls(experiment, seed, number)
            yield now, [before]
            before = now


def _search(jobs: Jobs, experiment: str, prepared: list[Job]) -> Iterator[tuple[Job, list[Job]]]:
    attempts = []
    for seed, grid in search.attempts(jobs.params.experiments[experiment]).items():
        for own in jobs.starts(experiment):
            yield jobs.search_start(experiment, seed, own), prepared
        for name, points in grid.items():
            start = jobs.search_start(experiment, seed, jobs.own_network(experiment, name))
            for point in points:
                attempts.append(jobs.attempt(experiment, seed, name, point))
                yield attempts[-1], [start]
    if attempts:
        yield jobs.choose(experiment), attempts
