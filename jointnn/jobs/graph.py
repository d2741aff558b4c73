"""The settings file of every job: all that it may know, and nothing that it does not read.

A settings file holds settings, the digest of the code and of the job's sources, and the digests of the jobs
before it. A job is fresh exactly if the record beside its outputs is equal to it.
"""

from functools import lru_cache

from jointnn.io import paths
from jointnn.jobs.code_digests import code_digests
from jointnn.jobs.data_jobs import Job, job_of
from jointnn.jobs.training_jobs import TrainingJobs
from jointnn.methods.catalogue import REAL
from jointnn.parameters import search
from jointnn.parameters.contamination import seen
from jointnn.parameters.resolve import method_settings, settings_for
from jointnn.parameters.schema import Params


class Jobs(TrainingJobs):
    """The jobs of a params.yaml, each as the content of its settings file."""

    def __init__(self, params: Params) -> None:
        super().__init__(params)
        self.evaluate = lru_cache(self.evaluate)  # type: ignore[method-assign]

    def evaluate(self, experiment: str, seed: int) -> Job:
        """Measure every method of a seed."""
        chosen = self.params.experiments[experiment]
        last = {name: self.final(experiment, seed, name) for name in chosen.methods}
        settings = {
            "stage": "evaluate",
            **self._problem(experiment, seed),
            "task": chosen.task,
            "task_options": chosen.task_options,
            "architecture_of": chosen.architecture_of,
            "device": method_settings(self.params, experiment, "joint").device,
            "runs": {name: paths.run(experiment, seed, name, self.rounds(experiment)) for name in last},
        }
        code = code_digests("evaluate", self._entries(experiment))
        return job_of(settings, code, {**self._images(experiment), **last})

    def collect(self, experiment: str) -> Job:
        """All seeds of an experiment in tables."""
        chosen = self.params.experiments[experiment]
        settings = {
            "stage": "collect",
            **self._shown(experiment),
            "reference": [*(name for name in chosen.methods if name == "oracle"), REAL],
            "selection": search.rule(self.params.experiments, experiment),
            "sources": {name: self.params.datasets[name].source for name in chosen.datasets},
            "seen": seen(chosen, self.params.datasets),
            "task": chosen.task,
            "features": chosen.task_options.get("features"),
            "generated": chosen.task_options.get("generated"),
        }
        return job_of(settings, code_digests("collect"), self._evaluations(experiment))

    def figures(self, experiment: str) -> Job:
        """The figures of an experiment."""
        chosen = self.params.experiments[experiment]
        settings = {
            "stage": "figures",
            **self._shown(experiment),
            "rounds": self.rounds(experiment),
            "groups": chosen.groups,
            "groups_round": chosen.groups_round or self.rounds(experiment),
            "size": chosen.image_size,
            "figures": chosen.figures,
        }
        code = code_digests("figures", [("figure", name) for name in chosen.figures])
        return job_of(settings, code, self._evaluations(experiment))

    def sweep(self, name: str) -> Job:
        """Several experiments that differ in one number, seen together."""
        chosen = self.params.sweeps[name]
        collected = {experiment: self.collect(experiment) for experiment in chosen.experiments}
        first = next(iter(collected.values()))
        seen_by_any = [dataset for job in collected.values() for dataset in job["seen"]]
        settings = {
            "stage": "sweep",
            "sweep": name,
            **chosen.model_dump(),
            **{
                key: first[key]
                for key in ("methods", "datasets", "seeds", "reference", "features", "generated")
            },
            "selections": {
                experiment: search.rule(self.params.experiments, experiment, beside_others=True)
                for experiment in collected
            },
            "seen": list(dict.fromkeys(seen_by_any)),
        }
        # The jobs that write what is read: they hold the digests of every evaluation.
        return job_of(settings, code_digests("sweep"), collected)

    def attempt(self, experiment: str, seed: int, name: str, point: int) -> Job:
        """A grid point of the search, on a tuning seed."""
        chosen = self.params.experiments[experiment]
        overrides = search.points(chosen, name)[point]
        settings = settings_for(name, method_settings(self.params, experiment, name, overrides))
        start = paths.search_start(experiment, seed, self.own_network(experiment, name))
        own = {
            "point": point,
            "overrides": overrides,
            "measures": chosen.measures,
            "curves": False,
            "begins_at": start,
        }
        return self._training("attempt", experiment, seed, name, settings, own)

    def choose(self, experiment: str) -> Job:
        """The choice of the search."""
        chosen = self.params.experiments[experiment]
        attempts = {
            f"s{seed}/{name}/{k}": self.attempt(experiment, seed, name, k)
            for seed, grid in search.attempts(chosen).items()
            for name, points in grid.items()
            for k in points
        }
        settings = {
            "stage": "choose",
            "experiment": experiment,
            "attempts": {str(seed): grid for seed, grid in search.attempts(chosen).items()},
            "measures": chosen.measures,
            "groups_count": len(chosen.groups) if chosen.groups else None,
            "ties": "jae_found" in chosen.methods,
            "tuning_seed": chosen.tuning_seed,
        }
        return job_of(settings, code_digests("choose"), attempts)

    def _evaluations(self, experiment: str) -> dict[str, Job]:
        """The evaluations of all seeds."""
        seeds = self.params.experiments[experiment].seeds
        return {f"s{seed}": self.evaluate(experiment, seed) for seed in seeds}

    def _shown(self, experiment: str) -> Job:
        chosen = self.params.experiments[experiment]
        return {
            "experiment": experiment,
            "methods": chosen.methods,
            "datasets": chosen.datasets,
            "seeds": chosen.seeds,
            "measures": chosen.measures,
        }
