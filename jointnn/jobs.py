"""The settings file of every job: all that it may know, and nothing that it does not read.

A settings file holds settings, the digest of the code and of the job's sources, and the digests of the
settings of the jobs before it. A job is fresh exactly if the record beside its outputs is equal to it.
"""

from functools import lru_cache

from jointnn import paths, search
from jointnn.code import code_digests
from jointnn.files import digest
from jointnn.image_jobs import ImageJobs, Job
from jointnn.params import Params
from jointnn.seen import seen
from jointnn.settings import method_settings, settings_for

HOW_WEIGHTS_ARE_FOUND = ("scale_factor", "weighting", "tolerance", "stop_when_converged")
ROUNDS_ONLY = {"rounds", "restart", *HOW_WEIGHTS_ARE_FOUND}
"""Settings of `joint` that its L2 start does not read."""


class Jobs(ImageJobs):
    """The jobs of a params.yaml, each as the content of its settings file."""

    def __init__(self, params: Params) -> None:
        super().__init__(params)
        for name in ("initialise", "train", "l2", "sigma", "irls", "evaluate"):
            setattr(self, name, lru_cache(getattr(self, name)))

    def initialise(self, experiment: str, seed: int, folder: str = "") -> Job:
        """The common start of a seed; the search has it in a folder of its own."""
        return {
            "stage": "initialise",
            **self._problem(experiment, seed),
            "start": folder or paths.start(experiment, seed),
            "code": code_digests("initialise", self._entries(experiment, "architecture")),
        }

    def search_start(self, experiment: str, seed: int) -> Job:
        """The common start of a tuning seed."""
        return self.initialise(experiment, seed, paths.search_start(experiment, seed))

    def train(self, experiment: str, seed: int, name: str) -> Job:
        """A method in one job: every one but `joint`."""
        read = settings_for(name, method_settings(self.params, experiment, name))
        return self._training("train", experiment, seed, name, read)

    def l2(self, experiment: str, seed: int) -> Job:
        """The L2 start (5) of `joint`."""
        read = settings_for("joint", method_settings(self.params, experiment, "joint"))
        # The number of rounds and how weights are found make no difference before the first round.
        first = {key: value for key, value in read.items() if key not in ROUNDS_ONLY}
        return self._training("l2", experiment, seed, "joint", first)

    def sigma(self, experiment: str, seed: int) -> Job:
        """The scales of 4.2.1."""
        read = settings_for("joint", method_settings(self.params, experiment, "joint"))
        return {
            "stage": "sigma",
            "experiment": experiment,
            "seed": seed,
            "settings": {key: read[key] for key in ("scale_factor", "strength", "blocks")},
            "code": code_digests("sigma"),
            "upstream": {"l2": digest(self.l2(experiment, seed))},
        }

    def irls(self, experiment: str, seed: int, number: int) -> Job:
        """One IRLS round."""
        read = settings_for("joint", method_settings(self.params, experiment, "joint"))
        job = self._training("irls", experiment, seed, "joint", read)
        before = self.l2(experiment, seed) if number == 1 else self.irls(experiment, seed, number - 1)
        upstream = {"sigma": digest(self.sigma(experiment, seed)), "before": digest(before)}
        return {**job, "round": number, "upstream": {**job["upstream"], **upstream}}

    def evaluate(self, experiment: str, seed: int) -> Job:
        """Measure every method of a seed."""
        chosen = self.params.experiments[experiment]
        problem = self._problem(experiment, seed)
        last = {name: self.final(experiment, seed, name) for name in chosen.methods}
        return {
            "stage": "evaluate",
            **problem,
            "task": chosen.task,
            "task_options": chosen.task_options,
            "device": method_settings(self.params, experiment, "joint").device,
            "runs": {name: paths.run(experiment, seed, name, self.rounds(experiment)) for name in last},
            "code": code_digests("evaluate", self._entries(experiment)),
            "upstream": {**problem["upstream"], **{name: digest(job) for name, job in last.items()}},
        }

    def collect(self, experiment: str) -> Job:
        """All seeds of an experiment in tables."""
        chosen = self.params.experiments[experiment]
        return {
            "stage": "collect",
            **self._shown(experiment),
            "reference": [name for name in chosen.methods if name == "oracle"],
            "selection": search.rule(chosen),
            "sources": {name: self.params.datasets[name].source for name in chosen.datasets},
            "seen": seen(chosen, self.params.datasets),
            "task": chosen.task,
            "features": chosen.task_options.get("features"),
            "code": code_digests("collect"),
            "upstream": {f"s{s}": digest(self.evaluate(experiment, s)) for s in chosen.seeds},
        }

    def figures(self, experiment: str) -> Job:
        """The figures of an experiment."""
        chosen = self.params.experiments[experiment]
        return {
            "stage": "figures",
            **self._shown(experiment),
            "rounds": self.rounds(experiment),
            "groups": chosen.groups,
            "groups_round": chosen.groups_round or self.rounds(experiment),
            "size": chosen.image_size,
            "figures": chosen.figures,
            "code": code_digests("figures", [("figure", name) for name in chosen.figures]),
            "upstream": {f"s{s}": digest(self.evaluate(experiment, s)) for s in chosen.seeds},
        }

    def sweep(self, name: str) -> Job:
        """Several experiments that differ in one number, seen together."""
        chosen = self.params.sweeps[name]
        collected = {experiment: self.collect(experiment) for experiment in chosen.experiments}
        first = next(iter(collected.values()))
        seen_by_any = [dataset for job in collected.values() for dataset in job["seen"]]
        return {
            "stage": "sweep",
            "sweep": name,
            **chosen.model_dump(),
            **{key: first[key] for key in ("methods", "datasets", "seeds", "reference", "features")},
            "selections": {experiment: job["selection"] for experiment, job in collected.items()},
            "seen": list(dict.fromkeys(seen_by_any)),
            "code": code_digests("sweep"),
            # Of the jobs that write what is read: they hold the digests of every evaluation.
            "upstream": {experiment: digest(job) for experiment, job in collected.items()},
        }

    def attempt(self, experiment: str, seed: int, name: str, point: int) -> Job:
        """A grid point of the search, on a tuning seed."""
        chosen = self.params.experiments[experiment]
        overrides = search.points(chosen, name)[point]
        settings = settings_for(name, method_settings(self.params, experiment, name, overrides))
        job = self._training("attempt", experiment, seed, name, settings)
        start = self.search_start(experiment, seed)
        own = {
            "point": point,
            "overrides": overrides,
            "measures": chosen.measures,
            "curves": False,
            "start": start["start"],
        }
        return {**job, **own, "upstream": {**job["upstream"], "start": digest(start)}}

    def choose(self, experiment: str) -> Job:
        """The choice of the search."""
        chosen = self.params.experiments[experiment]
        attempts = {
            f"s{seed}/{name}": [digest(self.attempt(experiment, seed, name, k)) for k in points]
            for seed, grid in search.attempts(chosen).items()
            for name, points in grid.items()
        }
        return {
            "stage": "choose",
            "experiment": experiment,
            "attempts": {str(seed): grid for seed, grid in search.attempts(chosen).items()},
            "measures": chosen.measures,
            "groups_count": len(chosen.groups) if chosen.groups else None,
            "tuning_seed": chosen.tuning_seed,
            "code": code_digests("choose"),
            "upstream": attempts,
        }

    def rounds(self, experiment: str) -> int:
        """K, the number of IRLS rounds of `joint`."""
        return method_settings(self.params, experiment, "joint").rounds

    def threads(self, experiment: str) -> int:
        """Threads of a job that trains."""
        return method_settings(self.params, experiment, "joint").threads

    def final(self, experiment: str, seed: int, name: str) -> Job:
        """The job that ends a method."""
        if name == "joint":
            return self.irls(experiment, seed, self.rounds(experiment))
        return self.train(experiment, seed, name)

    def _training(self, stage: str, experiment: str, seed: int, name: str, settings: Job) -> Job:
        """What every job that trains has in common."""
        chosen = self.params.experiments[experiment]
        groups = (
            {"groups": chosen.groups, "shared_blocks": chosen.shared_blocks} if name == "oracle" else {}
        )
        problem = self._problem(experiment, seed)
        upstream = {"start": digest(self.initialise(experiment, seed))}
        return {
            "stage": stage,
            **problem,
            **groups,
            "start": paths.start(experiment, seed),
            "upstream": {**problem["upstream"], **upstream},
            "method": name,
            "task": chosen.task,
            "task_options": chosen.task_options,
            "settings": settings,
            "augmentation": chosen.augmentation,
            "curves": True,
            "code": code_digests(stage, self._entries(experiment, "architecture", "task", "augmentation")),
        }

    def _problem(self, experiment: str, seed: int) -> Job:
        """Data and network of an experiment, and the jobs that make them."""
        chosen = self.params.experiments[experiment]
        size, channels = chosen.image_size, chosen.channels
        prepared = {name: digest(self.images(experiment, name)) for name in chosen.datasets}
        return {
            "experiment": experiment,
            "seed": seed,
            "datasets": chosen.datasets,
            "size": size,
            "channels": channels,
            "trunk": chosen.trunk,
            "train_images": chosen.train_images,
            "validation_images": chosen.validation_images,
            "architecture": chosen.architecture,
            "architecture_options": chosen.architecture_options,
            "upstream": {"prepared": prepared},
        }

    def _entries(self, experiment: str, *kinds: str) -> list[tuple[str, str]]:
        chosen = self.params.experiments[experiment]
        named = [(kind, getattr(chosen, kind)) for kind in kinds or ("architecture", "task")]
        return [(kind, name) for kind, name in named if name is not None]

    def _shown(self, experiment: str) -> Job:
        chosen = self.params.experiments[experiment]
        return {
            "experiment": experiment,
            "methods": chosen.methods,
            "datasets": chosen.datasets,
            "seeds": chosen.seeds,
            "measures": chosen.measures,
        }
