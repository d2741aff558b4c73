"""Where the runs of an experiment are found among the files; `tracking` writes them to MLflow.

A run is one method of one seed: a chain of jobs, of one job for most methods; for `joint` the L2 start,
sigma and the rounds. Each job has settings (what it is to be made with, under work/settings) and, once
it has ended, a record of them beside its outputs. A job that is training writes its history so far
under work/resume.
"""

import re
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from jointnn.io import paths, tensors
from jointnn.methods.split_halves import halved
from jointnn.reporting.tracking.read import HISTORIES, costs, finals, histories, ratios, read_json
from jointnn.reporting.tracking.runs import RunFiles, TrackedJob, ended, wanted


def experiments(root: Path) -> list[str]:
    """Return the names of the experiments that have runs or results, sorted."""
    places = ("runs", f"{paths.RESUME}/runs", "results")
    folders = {path for place in places for path in _folders(root / place)} - {root / paths.SWEEPS}
    return sorted({path.name for path in folders if list(path.glob("s*")) or _is_summed_up(path)})


def is_planned(root: Path, experiment: str) -> bool:
    """Return whether a workflow has written settings for an experiment's jobs."""
    return (root / paths.SETTINGS / "runs" / experiment).exists()


def find_runs(root: Path, experiment: str) -> Iterator[RunFiles]:
    """Yield the finished and running runs of an experiment; those that have not begun are left out.

    Raises:
        UserError: a record or a table is damaged.
    """
    for seed in _seeds(root, experiment):
        for method in _methods(root, experiment, seed):
            if run := _run(root, experiment, seed, method):
                yield run


def report(root: Path, experiment: str) -> dict[str, Path]:
    """Return the tables and figures of an experiment, by their names in MLflow."""
    folder = root / "results" / experiment
    tables = [folder / name for name in ("table.md", "table.tex", "summary.csv", "metrics.csv")]
    found = [*tables, *sorted(folder.glob("figures/*.svg"))]
    found += [root / paths.ratios(experiment), root / paths.trials(experiment)]
    named = {path.relative_to(folder).as_posix(): path for path in found if path.exists()}
    return named | ({own.name: own} if (own := page(root, experiment)) else {})


def page(root: Path, experiment: str) -> Path | None:
    """Return the page of an experiment's results: the user's, or that of the documentation."""
    places = [root / folder / f"{experiment}.md" for folder in ("results", "docs/results")]
    return next((path for path in places if path.is_file()), None)


def modified(files: Iterable[Path]) -> list[float]:
    """Return the times of the last change of the files that exist, sorted, in seconds since 1970."""
    found = []
    for path in files:
        with suppress(FileNotFoundError):
            found.append(path.stat().st_mtime)
    return sorted(found)


def _is_summed_up(results: Path) -> bool:
    return (results / "summary.csv").exists()


def _folders(path: Path) -> list[Path]:
    return [each for each in path.iterdir() if each.is_dir()] if path.is_dir() else []


def _everywhere(root: Path, folder: Path) -> list[str]:
    """Return the names of the folders inside `folder`, among outputs, settings or resume points."""
    inside = [
        each for part in ("", paths.SETTINGS, paths.RESUME) for each in _folders(root / part / folder)
    ]
    return sorted({each.name for each in inside})


def _seeds(root: Path, experiment: str) -> list[int]:
    names = _everywhere(root, Path("runs") / experiment)
    return sorted(int(name[1:]) for name in names if re.fullmatch(r"s\d+", name))


def _methods(root: Path, experiment: str, seed: int) -> list[str]:
    names = _everywhere(root, Path(paths.seed_folder(experiment, seed)))
    return sorted(name for name in names if not paths.is_start(name))


def _job(root: Path, folder: Path, record: str = "settings.json") -> TrackedJob:
    path = folder / record
    return TrackedJob(folder, path, read_json(root / path), read_json(root / paths.SETTINGS / path))


def _jobs(root: Path, seed_folder: Path, method: str) -> list[TrackedJob]:
    """Return all jobs that may belong to a run, in order: one, or an L2 start, sigma and rounds."""
    folder = seed_folder / method
    inside = [name for name in _everywhere(root, folder) if name.startswith(("l2", "round_"))]
    if not inside:
        return [_job(root, folder)]
    start, *rounds = sorted((_job(root, folder / name) for name in inside), key=lambda job: job.round)
    return [start, _job(root, folder, "sigma.settings.json"), *rounds]


def _before_sigma(root: Path, chain: Sequence[TrackedJob]) -> list[TrackedJob]:
    """Return the halves or the trials that the sigma of a run came from: they cost time, too."""
    of_sigma = [job for job in chain if job.record_path.name == "sigma.settings.json"]
    return [
        found
        for job in of_sigma
        for name in (job.record or {}).get("before", {})
        if name == "halves" or name.startswith("trial_")
        if job.is_made_from(found := _job(root, job.folder / name))
    ]


def _run(root: Path, experiment: str, seed: int, method: str) -> RunFiles | None:
    jobs = _jobs(root, Path(paths.seed_folder(experiment, seed)), method)
    is_training = any(_training(root, job) for job in jobs)
    finished = [] if is_training else ended(jobs)
    chain = finished or wanted(jobs)
    folders = [_outputs(root, job, bool(finished)) for job in chain]
    sources = [folder / name for folder in folders if folder for name in HISTORIES]
    if not sources:
        return None
    points, datasets = histories(sources)
    settings = {job.record_path: (job.record if finished else job.newest) for job in chain}
    cost = costs(root, [*finished, *_before_sigma(root, finished)])
    started, seconds = _times(root, chain, sources, cost.get("cost/seconds"))
    halves = _halves(root, chain[0]) if finished else {}
    results = Path("results") / experiment / f"s{seed}"
    evaluation = root / results / "metrics.csv"
    # An evaluation may be left from a run of other settings.
    is_evaluated = finished and _job(root, results).is_made_from(chain[-1])
    return RunFiles(
        experiment=experiment,
        method=method,
        seed=seed,
        settings={path.as_posix(): value or {} for path, value in settings.items()},
        finished=bool(finished),
        diverged=next(filter(None, (_diverged(root, job) for job in chain)), ""),
        alarms=_alarms(root, chain[-1]) if finished else "",
        points=points,
        datasets=datasets,
        finals=cost | halves | (finals(evaluation, method) if is_evaluated else {}),
        artifacts=_artifacts(root, [job for job in chain if finished or job.fresh], halves),
        state=root / paths.state(str(chain[-1].folder)) if finished else None,
        started=started,
        seconds=seconds,
        user=_owner(sources),
    )


def _times(
    root: Path, chain: list[TrackedJob], sources: list[Path], seconds: float | None
) -> tuple[float, float]:
    """Return when the first job of a run began, and how long its jobs took together [s].

    Snakemake measures both; without its files, as in a clone, times of the outputs have to do. A record
    does not tell: `accept` writes it again.
    """
    written = modified(sources) or [time.time()]
    first = [written[0], *modified([root / chain[0].folder / HISTORIES[0]])][-1]
    if began := costs(root, chain[:1]).get("cost/seconds"):
        return first - began, written[-1] - (first - began) if seconds is None else seconds
    # Snakemake makes the folder just before the job.
    start = min([first, *modified([root / chain[0].folder])])
    return start, (max(written[-1], first) - start) if seconds is None else seconds


def _owner(files: list[Path]) -> str:
    """Return the owner of files: a name, or a number that has no name here."""
    for path in files:
        with suppress(FileNotFoundError):
            try:
                return path.owner()
            except KeyError:
                return str(path.stat().st_uid)
    return ""


def _outputs(root: Path, job: TrackedJob, finished: bool) -> Path | None:
    """Return the folder of a job's history: its outputs once it has ended, before that its resume point."""
    return root / job.folder if finished or job.fresh else _training(root, job)


def _training(root: Path, job: TrackedJob) -> Path | None:
    """Return the resume point of a job that trains, unless it is left from older settings."""
    folder = root / paths.RESUME / job.folder
    begun = modified([folder / HISTORIES[0]])
    is_new = begun >= modified([root / paths.SETTINGS / job.record_path])
    return folder if begun and is_new and not job.fresh else None


def _diverged(root: Path, job: TrackedJob) -> str:
    """Return the sentence of a job that diverged; "" if it did not.

    It lies in the networks of a job that ended, else where the job stopped.
    """
    state = root / paths.state(str(job.folder))
    if job.fresh and state.exists():
        return tensors.diverged(state)
    folder = _training(root, job)
    said = read_json(Path(paths.diverged(str(folder)))) if folder else None
    return said["diverged"] if said else ""


def _alarms(root: Path, job: TrackedJob) -> str:
    """Return the alarms of the task about the networks of a job, in words."""
    state = root / paths.state(str(job.folder))
    alarms = tensors.numbers_of_state(state).get("alarms", {}) if state.exists() else {}
    return "; ".join(alarms[name] for name in sorted(alarms))


def _halves(root: Path, first: TrackedJob) -> dict[str, float]:
    """Return the ratios of split halves, if they are those of the L2 start of a run; else {}.

    They can be older: nobody makes them anew who does not ask for them.
    """
    folder = first.folder.parent / "halves"
    halves = _job(root, folder)
    of_halves, of_start = halves.record or {}, first.record or {}
    starts = [(of.get("before", {}).get("start") or {}).get("identity") for of in (of_halves, of_start)]
    is_of_run = (
        halves.fresh
        and starts[0] == starts[1]
        and of_halves.get("settings") == halved(of_start.get("settings", {}))
    )
    return ratios(root / folder / "ratios.json") if is_of_run else {}


def _artifacts(root: Path, jobs: list[TrackedJob], halves: Mapping[str, float]) -> dict[str, Path]:
    """Return the files of the rounds' weights, of sigma, and of the ratios of split halves."""
    found = {f"{job.folder.name}/weights.json": root / job.folder / "weights.json" for job in jobs}
    for job in jobs:
        if job.record_path.name == "sigma.settings.json":
            found["sigma.json"] = root / job.folder / "sigma.json"
            if halves:
                found["halves/ratios.json"] = root / job.folder / "halves" / "ratios.json"
    return {name: path for name, path in found.items() if path.exists()}
