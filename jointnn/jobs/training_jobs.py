"""The settings files of the jobs that train: starts, every method, the phases of `joint`."""

from collections.abc import Mapping
from functools import lru_cache

from jointnn.io import paths
from jointnn.jobs.code_digests import code_digests
from jointnn.jobs.data_jobs import ImageJobs, Job, job_of
from jointnn.parameters.resolve import method_settings, settings_for
from jointnn.parameters.schema import Params

HOW_WEIGHTS_ARE_FOUND = ("scale_factor", "weighting", "tolerance", "stop_when_converged")
ROUNDS_ONLY = {"rounds", "restart", *HOW_WEIGHTS_ARE_FOUND}
"""Settings of `joint` that its L2 start does not read."""


class TrainingJobs(ImageJobs):
    """The jobs that train what a params.yaml asks for, each as the content of its settings file."""

    def __init__(self, params: Params) -> None:
        super().__init__(params)
        for name in ("initialise", "train", "l2", "sigma", "irls"):
            setattr(self, name, lru_cache(getattr(self, name)))

    def initialise(self, experiment: str, seed: int, own: str = "", searched: bool = False) -> Job:
        """The common start of a seed, or that of a method with another network, `own`.

        The search has its starts in a folder of its own.
        """
        settings = {
            "stage": "initialise",
            **self._problem(experiment, seed, own),
            "start": (paths.search_start if searched else paths.start)(experiment, seed, own),
        }
        code = code_digests("initialise", self._entries(experiment, "architecture"))
        return job_of(settings, code, self._images(experiment))

    def search_start(self, experiment: str, seed: int, own: str = "") -> Job:
        """The start of a tuning seed."""
        return self.initialise(experiment, seed, own, searched=True)

    def own_network(self, experiment: str, name: str) -> str:
        """The method's name if its network is another than that of the experiment, else none."""
        return name if name in self.params.experiments[experiment].architecture_of else ""

    def starts(self, experiment: str) -> list[str]:
        """The starts of an experiment, each by the method that it belongs to; the common one by none."""
        chosen = self.params.experiments[experiment]
        named = {self.own_network(experiment, name) for name in {*chosen.methods, *chosen.search}}
        return sorted(named | {""})

    def train(self, experiment: str, seed: int, name: str) -> Job:
        """A method in one job: every one but `joint`."""
        read = settings_for(name, method_settings(self.params, experiment, name))
        start = paths.start(experiment, seed, self.own_network(experiment, name))
        places = {
            "begins_at": start,
            "folder": f"{paths.seed_folder(experiment, seed)}/{name}",
            "until": "",
        }
        return self._training("train", experiment, seed, name, read, places)

    def l2(self, experiment: str, seed: int) -> Job:
        """The L2 start (5) of `joint`."""
        read = settings_for("joint", method_settings(self.params, experiment, "joint"))
        # The number of rounds and how weights are found make no difference before the first round.
        first = {key: value for key, value in read.items() if key not in ROUNDS_ONLY}
        start = paths.start(experiment, seed, self.own_network(experiment, "joint"))
        places = {"begins_at": start, "folder": paths.l2(experiment, seed), "until": "l2"}
        return self._training("train", experiment, seed, "joint", first, places)

    def sigma(self, experiment: str, seed: int) -> Job:
        """The scales of 4.2.1."""
        read = settings_for("joint", method_settings(self.params, experiment, "joint"))
        settings = {
            "stage": "sigma",
            "experiment": experiment,
            "seed": seed,
            "settings": {key: read[key] for key in ("scale_factor", "strength", "blocks")},
        }
        return job_of(settings, code_digests("sigma"), {"l2": self.l2(experiment, seed)})

    def irls(self, experiment: str, seed: int, number: int) -> Job:
        """One IRLS round."""
        read = settings_for("joint", method_settings(self.params, experiment, "joint"))
        before = self.l2(experiment, seed) if number == 1 else self.irls(experiment, seed, number - 1)
        chain = {"sigma": self.sigma(experiment, seed), "before": before}
        more = {
            "begins_at": paths.round_(experiment, seed, number - 1),
            "folder": paths.round_(experiment, seed, number),
            "until": f"round_{number}",
            "round": number,
        }
        return self._training("train", experiment, seed, "joint", read, more, chain)

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

    def _training(
        self,
        stage: str,
        experiment: str,
        seed: int,
        name: str,
        settings: Job,
        more: Job | None = None,
        before: Mapping[str, Job] | None = None,
    ) -> Job:
        """Return a job that trains: what all have in common, `more` settings and jobs before it."""
        chosen = self.params.experiments[experiment]
        groups = (
            {"groups": chosen.groups, "shared_blocks": chosen.shared_blocks} if name == "oracle" else {}
        )
        own = self.own_network(experiment, name)
        start = self.initialise(experiment, seed, own, searched=stage == "attempt")
        job = {
            "stage": stage,
            **self._problem(experiment, seed, own),
            **groups,
            "start": start["start"],
            "method": name,
            "task": chosen.task,
            "task_options": chosen.task_options,
            "settings": settings,
            "augmentation": chosen.augmentation,
            "curves": True,
            **(more or {}),
        }
        code = code_digests(stage, self._entries(experiment, "architecture", "task", "augmentation"))
        return job_of(job, code, {**self._images(experiment), "start": start, **(before or {})})

    def _problem(self, experiment: str, seed: int, own: str = "") -> Job:
        """Data and network of an experiment, or of a method of its own."""
        chosen = self.params.experiments[experiment]
        return {
            "experiment": experiment,
            "seed": seed,
            "datasets": chosen.datasets,
            "size": chosen.image_size,
            "channels": chosen.channels,
            "trunk": chosen.trunk,
            "train_images": chosen.train_images,
            "validation_images": chosen.validation_images,
            "architecture": chosen.architecture,
            "architecture_options": chosen.options_of(own),
            "labelled": chosen.labelled,
        }

    def _images(self, experiment: str) -> dict[str, Job]:
        """The jobs that make the images of an experiment."""
        datasets = self.params.experiments[experiment].datasets
        return {f"images/{name}": self.images(experiment, name) for name in datasets}

    def _entries(self, experiment: str, *kinds: str) -> list[tuple[str, str]]:
        chosen = self.params.experiments[experiment]
        named = [(kind, getattr(chosen, kind)) for kind in kinds or ("architecture", "task")]
        return [(kind, name) for kind, name in named if name is not None]
