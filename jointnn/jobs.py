"""The settings file of every job: all that it may know, and nothing that it does not read.

A settings file holds settings, the digest of the code and of the job's sources, and the digests of the
settings of the jobs before it. A job is fresh exactly if the record beside its outputs is equal to it.
"""

from functools import lru_cache
from typing import Any

from jointnn import paths, search
from jointnn.code import code_digests
from jointnn.datasets.digests import kept_digest
from jointnn.files import digest
from jointnn.params import ExperimentParams, Params
from jointnn.settings import method_settings, settings_for

Job = dict[str, Any]

ROUNDS_ONLY = {"rounds", "scale_factor", "weighting", "tolerance", "stop_when_converged", "restart"}
"""Settings of `joint` that its L2 start does not read."""


class Jobs:
    """The jobs of a params.yaml, each as the content of its settings file."""

    def __init__(self, params: Params) -> None:
        self.params = params
        # The same job is asked for by everything after it; each is worked out once.
        for name in ("fetch", "prepare", "initialise", "train", "l2", "sigma", "irls", "evaluate"):
            setattr(self, name, lru_cache(getattr(self, name)))

    def fetch(self, dataset: str) -> Job:
        """Bring a dataset into the Parquet layout."""
        source = self.params.datasets[dataset]
        return {
            "stage": "fetch",
            "dataset": dataset,
            "source": source.model_dump(mode="json"),
            "source_digest": kept_digest(dataset, source),
            "code": code_digests("fetch", [("dataset", source.source)]),
        }

    def prepare(self, dataset: str, size: int, channels: int) -> Job:
        """Decode and resize it."""
        return {
            "stage": "prepare",
            "dataset": dataset,
            "size": size,
            "channels": channels,
            "code": code_digests("prepare"),
            "upstream": {"fetch": digest(self.fetch(dataset))},
        }

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
            "selection": self._selection(chosen),
            "sources": {name: self.params.datasets[name].source for name in chosen.datasets},
            "task": chosen.task,
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

    def attempt(self, experiment: str, seed: int, name: str, point: int) -> Job:
        """A grid point of the search, on a tuning seed."""
        chosen = self.params.experiments[experiment]
        overrides = search.points(chosen, name)[point]
        settings = settings_for(name, method_settings(self.params, experiment, name, overrides))
        job = self._training("attempt", experiment, seed, name, settings)
        start = self.search_start(experiment, seed)
        own = {"point": point, "overrides": overrides, "curves": False, "start": start["start"]}
        return {**job, **own, "upstream": {**job["upstream"], "start": digest(start)}}

    def choose(self, experiment: str) -> Job:
        """The choice of the search."""
        chosen = self.params.experiments[experiment]
        attempts = {
            f"s{seed}/{name}": [digest(self.attempt(experiment, seed, name, k)) for k in points]
            for seed, grid in self.attempts(experiment).items()
            for name, points in grid.items()
        }
        return {
            "stage": "choose",
            "experiment": experiment,
            "attempts": {str(seed): grid for seed, grid in self.attempts(experiment).items()},
            "groups_count": len(chosen.groups) if chosen.groups else None,
            "tuning_seed": chosen.tuning_seed,
            "code": code_digests("choose"),
            "upstream": attempts,
        }

    def attempts(self, experiment: str) -> dict[int, dict[str, list[int]]]:
        """Points of each method by tuning seed: all on the first, the finalists on the others."""
        chosen = self.params.experiments[experiment]
        every = {name: list(range(len(search.points(chosen, name)))) for name in chosen.search}
        further = {seed: dict(chosen.finalists) for seed in chosen.further_tuning_seeds}
        return {chosen.tuning_seed: every, **further} if every else {}

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
            "settings": settings,
            "curves": True,
            "code": code_digests(stage, self._entries(experiment)),
        }

    def _problem(self, experiment: str, seed: int) -> Job:
        """Data and network of an experiment, and the jobs that make them."""
        chosen = self.params.experiments[experiment]
        size, channels = chosen.image_size, chosen.channels
        prepared = {name: digest(self.prepare(name, size, channels)) for name in chosen.datasets}
        return {
            "experiment": experiment,
            "seed": seed,
            "datasets": chosen.datasets,
            "size": size,
            "channels": channels,
            "train_images": chosen.train_images,
            "validation_images": chosen.validation_images,
            "architecture": chosen.architecture,
            "architecture_options": chosen.architecture_options,
            "upstream": {"prepared": prepared},
        }

    def _entries(self, experiment: str, *kinds: str) -> list[tuple[str, str]]:
        chosen = self.params.experiments[experiment]
        return [(kind, getattr(chosen, kind)) for kind in kinds or ("architecture", "task")]

    def _shown(self, experiment: str) -> Job:
        chosen = self.params.experiments[experiment]
        return {
            "experiment": experiment,
            "methods": chosen.methods,
            "datasets": chosen.datasets,
            "seeds": chosen.seeds,
            "measure": "accuracy",
        }

    @staticmethod
    def _selection(chosen: ExperimentParams) -> str:
        """How hyper-parameters were chosen, for the header of the table."""
        counts = {len(search.points(chosen, name)) for name in chosen.search}
        if not counts:
            return "hyper-parameters as given, not searched"
        if not chosen.further_tuning_seeds:
            return (
                f"hyper-parameters chosen on the validation split of seed {chosen.tuning_seed}, which no "
                f"reported number uses, among {counts.pop()} points for each method"
            )
        seeds = ", ".join(map(str, [chosen.tuning_seed, *chosen.further_tuning_seeds]))
        finalists = len(next(iter(chosen.finalists.values()), []))
        return (
            f"hyper-parameters chosen on the validation splits of seeds {seeds}, which no reported number "
            f"uses: {counts.pop()} points for each method on the first, its best {finalists} on all"
        )
