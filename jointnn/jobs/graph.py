"""The graph of jobs: which job comes before which. It stands here and nowhere else.

Digests, the order of jobs and the inputs of Snakemake's rules all follow from `Jobs.before`.
"""

from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from inspect import signature
from typing import Any, Concatenate, ParamSpec, TypeVar

from jointnn.errors import UserError
from jointnn.io import paths
from jointnn.jobs import counts, data_jobs, result_jobs, training_jobs
from jointnn.jobs.code_digests import code_digests
from jointnn.jobs.identity import identity
from jointnn.jobs.specs import (
    ActivationsJob,
    AttemptJob,
    ChooseJob,
    CollectJob,
    EvaluateJob,
    FetchJob,
    FiguresJob,
    InitialiseJob,
    InventoryJob,
    Job,
    PrepareJob,
    RatiosJob,
    SigmaJob,
    SplitHalvesJob,
    SweepJob,
    TrainJob,
    TrialJob,
)
from jointnn.methods.scale_trials import factors_tried
from jointnn.parameters import search
from jointnn.parameters.resolve import method_settings
from jointnn.parameters.rows import rounds_are_jobs, shown_in_rounds, trained_rows
from jointnn.parameters.schema import ExperimentParams, Params
from jointnn.registry import nearest

Asked = ParamSpec("Asked")
Made = TypeVar("Made", bound=Job)


Make = Callable[Concatenate["Jobs", Asked], Made]


def _once(make: Make[Asked, Made]) -> Make[Asked, Made]:
    """Work out a job once: the same one is asked for by everything after it."""

    arguments = signature(make)

    @wraps(make)
    def made(self: "Jobs", /, *asked: Asked.args, **named: Asked.kwargs) -> Made:
        given = arguments.bind(self, *asked, **named)  # by place or by name: the same job
        given.apply_defaults()
        key = (make.__name__, *list(given.arguments.values())[1:])
        if key not in self._made:
            self._made[key] = make(self, *asked, **named)
        job: Made = self._made[key]
        return job

    return made


class Jobs:
    """The jobs of a set of parameters. A job is worked out, with all before it, when it is asked for."""

    def __init__(self, params: Params) -> None:
        self.params = params
        self._counted: set[str] = set()
        self._made: dict[Any, Any] = {}
        self._codes: dict[Any, dict[str, str]] = {}
        self._before: dict[str, Mapping[str, Job]] = {}

    def before(self, job: Job) -> Mapping[str, Job]:
        """Return the jobs just before one, by their relation to it, such as `start`."""
        return self._before[job.record]

    def in_order(self, *last: Job) -> Iterator[Job]:
        """Yield jobs and all jobs before them, each once and after those that it needs."""
        done: set[str] = set()

        def visit(job: Job) -> Iterator[Job]:
            if job.record not in done:
                done.add(job.record)
                for other in self.before(job).values():
                    yield from visit(other)
                yield job

        for job in last:
            yield from visit(job)

    def of_experiment(self, experiment: str) -> Iterator[Job]:
        """Yield every job that an experiment can have, its search and its ratios included, in order."""
        chosen = self._experiment(experiment)
        told = [self.ratios(experiment)] if shown_in_rounds(chosen.methods) else []
        return self.in_order(*self.results(experiment), *told, *self._search(experiment))

    def asked_for(self, experiment: str) -> Iterator[Job]:
        """Yield the jobs that make what an experiment asks for, and its search, in order."""
        return self.in_order(*self.results(experiment), *self._search(experiment))

    def results(self, experiment: str) -> list[Job]:
        """Return the jobs that make the tables and figures that an experiment asks for."""
        is_asked = paths.SPLIT_HALVES in self._experiment(experiment).figures
        told = [self.ratios(experiment)] if is_asked else []
        return [self.collect(experiment), self.figures(experiment), *told]

    def _search(self, experiment: str) -> list[Job]:
        return [self.choose(experiment)] if self._experiment(experiment).search else []

    def inputs(self, job: Job, *, images: bool = True) -> list[str]:
        """Return the files that a job reads of the jobs before it, the test split only where it may.

        Args:
            images: with the images that networks take, which are cheap and not versioned.
        """
        return [
            file
            for other in self.before(job).values()
            if images or not other.makes_images
            for file in [*other.made, *(other.of_test if job.reads_test else []), other.record]
        ]

    @_once
    def fetch(self, dataset: str) -> FetchJob:
        """Return the job that brings a dataset into the Parquet layout."""
        return self._job(FetchJob, data_jobs.fetch(self.params, dataset))

    @_once
    def inventory(self, experiment: str) -> InventoryJob:
        """Return the job that says which data an experiment learns from."""
        datasets = self._experiment(experiment).datasets
        settings = {"stage": "inventory", "experiment": experiment, "datasets": datasets}
        told = self._left_out(experiment)[0]
        return self._job(InventoryJob, settings | told, {name: self.fetch(name) for name in datasets})

    @_once
    def prepare(self, dataset: str, size: int) -> PrepareJob:
        """Return the job that decodes and resizes a dataset."""
        settings = data_jobs.prepare(self.params, dataset, size)
        return self._job(PrepareJob, settings, {"fetch": self.fetch(dataset)})

    @_once
    def activations(self, dataset: str, size: int, trunk: str) -> ActivationsJob:
        """Return the job that sends a dataset's images through a frozen trunk."""
        settings = data_jobs.activations(self.params, dataset, size, trunk)
        return self._job(ActivationsJob, settings, {"prepare": self.prepare(dataset, size)})

    @_once
    def initialise(
        self, experiment: str, seed: int, own: str = "", searched: bool = False
    ) -> InitialiseJob:
        """Return the job of the common start of a seed, or of `own`, a method with another network.

        Raises:
            UserError: the experiment asks for more images than its datasets have.
        """
        self._check_counts(experiment)
        settings = training_jobs.initialise(self.params, experiment, seed, own, searched=searched)
        return self._job(InitialiseJob, settings, self._images(experiment))

    def search_start(self, experiment: str, seed: int, own: str = "") -> InitialiseJob:
        """Return the job of the start of a tuning seed."""
        return self.initialise(experiment, seed, own, searched=True)

    @_once
    def train(self, experiment: str, seed: int, method: str) -> TrainJob:
        """Return the job that trains a whole method."""
        self._check_method(experiment, method)
        settings = training_jobs.train(self.params, experiment, seed, method)
        return self._job(TrainJob, settings, self._begin(experiment, seed, method))

    @_once
    def l2(self, experiment: str, seed: int, method: str) -> TrainJob:
        """Return the job of the L2 start (5) of a method with rounds."""
        self._check_rounds(experiment, seed, method)
        settings = training_jobs.l2(self.params, experiment, seed, method)
        return self._job(TrainJob, settings, self._begin(experiment, seed, method))

    @_once
    def split_halves(self, experiment: str, seed: int, method: str) -> SplitHalvesJob:
        """Return the job that trains two halves of every dataset under a method's L2 start."""
        self._check_rounds(experiment, seed, method)
        settings = training_jobs.split_halves(self.params, experiment, seed, method)
        return self._job(SplitHalvesJob, settings, self._begin(experiment, seed, method))

    def halves(self, experiment: str) -> dict[int, SplitHalvesJob]:
        """Return the job of halves of every seed, by seed, under the L2 start of the method shown.

        Raises:
            UserError: the experiment has no method whose rounds are jobs.
        """
        chosen = self._experiment(experiment)
        shown = shown_in_rounds(chosen.methods)
        if shown is None:
            raise UserError(
                f"params/experiments/{experiment}.yaml: methods: split halves need a method whose rounds "
                f"are jobs ({' or '.join(filter(rounds_are_jobs, trained_rows()))}), and there is none "
                f"among {', '.join(chosen.methods)}. Add joint."
            )
        return {seed: self.split_halves(experiment, seed, shown) for seed in chosen.seeds}

    @_once
    def trial(self, experiment: str, seed: int, method: str, number: int) -> TrialJob:
        """Return the job that tries the first IRLS round under one of the scales."""
        settings = training_jobs.trial(self.params, experiment, seed, method, number)
        before = self.l2(experiment, seed, method)
        return self._job(TrialJob, settings, {**self._begin(experiment, seed, method), "before": before})

    @_once
    def sigma(self, experiment: str, seed: int, method: str) -> SigmaJob:
        """Return the job that finds the scales of 4.2.1."""
        settings = training_jobs.sigma(self.params, experiment, seed, method)
        before: dict[str, Job] = {"l2": self.l2(experiment, seed, method)}
        read = method_settings(self.params, experiment, method)
        if read.scale == "split_half":
            before["halves"] = self.split_halves(experiment, seed, method)
        elif read.scale == "trials":
            for number, _ in enumerate(factors_tried(read), start=1):
                before[f"trial_{number}"] = self.trial(experiment, seed, method, number)
        return self._job(SigmaJob, settings, before)

    @_once
    def irls(self, experiment: str, seed: int, method: str, number: int) -> TrainJob:
        """Return the job of one IRLS round."""
        self._check_rounds(experiment, seed, method)
        if not 1 <= number <= (last := self.rounds(experiment, method)):
            raise UserError(f"{experiment}: {method} has the rounds 1 to {last}, and no round {number}.")
        settings = training_jobs.irls(self.params, experiment, seed, method, number)
        is_first = number == 1
        chain = {
            "sigma": self.sigma(experiment, seed, method),
            "before": self.l2(experiment, seed, method)
            if is_first
            else self.irls(experiment, seed, method, number - 1),
        }
        return self._job(TrainJob, settings, {**self._begin(experiment, seed, method), **chain})

    def final(self, experiment: str, seed: int, method: str) -> TrainJob:
        """Return the last job of a method."""
        if rounds := self.rounds(experiment, method):
            return self.irls(experiment, seed, method, rounds)
        return self.train(experiment, seed, method)

    @_once
    def evaluate(self, experiment: str, seed: int) -> EvaluateJob:
        """Return the job that measures every method of a seed."""
        last = {name: self.final(experiment, seed, name) for name in self._experiment(experiment).methods}
        runs = {name: job.folder for name, job in last.items()}
        settings = result_jobs.evaluate(self.params, experiment, seed, runs)
        return self._job(EvaluateJob, settings, {**self._images(experiment), **last})

    @_once
    def collect(self, experiment: str) -> CollectJob:
        """Return the job that brings all seeds of an experiment into tables."""
        settings = result_jobs.collect(self.params, experiment)
        told, fetched = self._left_out(experiment)
        return self._job(CollectJob, settings | told, {**self._evaluations(experiment), **fetched})

    @_once
    def figures(self, experiment: str) -> FiguresJob:
        """Return the job that draws the figures of an experiment. They show images, never activations."""
        chosen = self._experiment(experiment)
        images = {f"images/{name}": self.prepare(name, chosen.image_size) for name in chosen.datasets}
        counts = {name: self.rounds(experiment, name) for name in chosen.methods}
        rounds = {name: count for name, count in counts.items() if count}
        settings = result_jobs.figures(self.params, experiment, rounds)
        return self._job(FiguresJob, settings, {**images, **self._evaluations(experiment)})

    @_once
    def ratios(self, experiment: str) -> RatiosJob:
        """Return the job that shows what the data of an experiment tell apart, asked for there or not.

        Raises:
            UserError: the experiment has no method whose rounds are jobs.
        """
        halves = self.halves(experiment)
        method = next(job.method for job in halves.values())
        settings = result_jobs.ratios(self.params, experiment, method)
        return self._job(RatiosJob, settings, {f"s{seed}": job for seed, job in halves.items()})

    @_once
    def sweep(self, sweep: str) -> SweepJob:
        """Return the job that brings experiments together that differ in one number."""
        tables = {name: self.collect(name) for name in self.params.sweeps[sweep].experiments}
        return self._job(SweepJob, result_jobs.sweep(self.params, sweep, tables), tables)

    @_once
    def attempt(self, experiment: str, seed: int, method: str, point: int) -> AttemptJob:
        """Return the job that tries a grid point of the search, on a tuning seed."""
        count = len(search.points(self._experiment(experiment), method))
        if point >= count:
            raise UserError(
                f"params/grids/{experiment}.yaml has {count} points of {method}, counted from 0, and no "
                f"point {point}."
            )
        settings = training_jobs.attempt(self.params, experiment, seed, method, point)
        return self._job(AttemptJob, settings, self._begin(experiment, seed, method, searched=True))

    @_once
    def choose(self, experiment: str) -> ChooseJob:
        """Return the job that chooses the best point of each method."""
        attempts = {
            f"s{seed}/{name}/{point}": self.attempt(experiment, seed, name, point)
            for seed, grid in search.attempts(self._experiment(experiment)).items()
            for name, points in grid.items()
            for point in points
        }
        return self._job(ChooseJob, result_jobs.choose(self.params, experiment), attempts)

    def rounds(self, experiment: str, method: str) -> int:
        """Return how many rounds of a method are jobs of their own; 0 where the method is one job."""
        if not rounds_are_jobs(method):
            return 0
        return method_settings(self.params, experiment, method).rounds

    def _check_method(self, experiment: str, method: str) -> None:
        """Refuse a method that an experiment has not."""
        methods = self._experiment(experiment).methods
        if method not in methods:
            raise UserError(f"{experiment} has no method {method!r}{nearest(method, methods)}")

    def _check_rounds(self, experiment: str, seed: int, method: str) -> None:
        """Refuse a job of a method's rounds where it has none that are jobs."""
        self._check_method(experiment, method)
        if not self.rounds(experiment, method):
            place = paths.method(experiment, seed, method)
            raise UserError(
                f"{experiment}: {method} is trained in one job. Ask for its networks in {place}/."
            )

    def _begin(self, experiment: str, seed: int, method: str, *, searched: bool = False) -> dict[str, Job]:
        """Return the jobs that every job that trains needs: those of images, and a start."""
        own = training_jobs.own_network(self.params, experiment, method)
        return {**self._images(experiment), "start": self.initialise(experiment, seed, own, searched)}

    def _check_counts(self, experiment: str) -> None:
        """Look once whether the datasets of an experiment have the images that it asks for."""
        if experiment not in self._counted:
            chosen = self._experiment(experiment)
            counts.check(experiment, chosen, counts.counts_of(*map(self.fetch, chosen.datasets)))
            self._counted.add(experiment)

    def _images(self, experiment: str) -> dict[str, Job]:
        """Return the jobs that make the inputs of networks, one for each dataset."""
        chosen = self._experiment(experiment)
        return {
            f"images/{name}": self.activations(name, chosen.image_size, chosen.trunk)
            if chosen.trunk
            else self.prepare(name, chosen.image_size)
            for name in chosen.datasets
        }

    def _left_out(self, experiment: str) -> tuple[dict[str, Any], dict[str, Job]]:
        """Return what tables are told of what is left out, and the jobs that say it, if there is any.

        So a file beside the images makes tables anew, and no network: those know images alone.
        """
        jobs = {name: self.fetch(name) for name in self._experiment(experiment).datasets}
        told = {name: job.left_out for name, job in jobs.items() if job.left_out}
        return {"left_out": told} if told else {}, {f"data/{name}": jobs[name] for name in told}

    def _evaluations(self, experiment: str) -> dict[str, Job]:
        seeds = self._experiment(experiment).seeds
        return {f"s{seed}": self.evaluate(experiment, seed) for seed in seeds}

    def _experiment(self, experiment: str) -> ExperimentParams:
        return self.params.experiments[experiment]

    def _job(
        self, model: type[Made], settings: Mapping[str, Any], before: Mapping[str, Job] | None = None
    ) -> Made:
        """Return a job of these settings after the jobs `before`, with the digests that decide it."""
        known = {name: job.known for name, job in (before or {}).items()}
        not_decisive = model.only_looked_at | model.not_passed_on
        decisive = {key: value for key, value in settings.items() if key not in not_decisive}
        job = model(
            **settings,
            code=self._code(settings),
            before=known,
            identity=identity(decisive, {name: job.identity for name, job in known.items()}),
        )
        self._before[job.record] = before or {}
        return job

    def _code(self, settings: Mapping[str, Any]) -> dict[str, str]:
        """Return the digests of the code that a job runs. Files are read once for all jobs of a kind."""
        asked = (settings["stage"], *entries_of(settings))
        if asked not in self._codes:
            self._codes[asked] = code_digests(asked[0], asked[1:])
        return self._codes[asked]


def entries_of(settings: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the registered entries that a job runs, as pairs of kind and name."""
    match settings["stage"]:
        case "fetch":
            return [("dataset", settings["source"]["source"])]
        case "figures":
            return [("figure", name) for name in settings["figures"]]
        case "ratios":
            return [("figure", paths.SPLIT_HALVES)]
        case "activations":
            kinds = ["trunk"]
        case "initialise":
            kinds = ["architecture"]
        case "evaluate":
            kinds = ["architecture", "task"]
        case "train" | "split_halves" | "trial" | "attempt":
            kinds = ["architecture", "task", "augmentation"]
        case _:
            kinds = []
    return [(kind, settings[kind]) for kind in kinds if settings[kind] is not None]
