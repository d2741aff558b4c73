"""The networks that a method ended with, for the tools that hand them on."""

import inspect
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jointnn.errors import UserError
from jointnn.io import paths
from jointnn.io.files import read_json
from jointnn.io.tensors import diverged, read_header
from jointnn.jobs.graph import Jobs
from jointnn.jobs.specs import TrainJob
from jointnn.parameters import entries
from jointnn.parameters.load import read_params
from jointnn.parameters.rows import trained_rows
from jointnn.registry import is_own, nearest

if TYPE_CHECKING:
    from torch import nn

    from jointnn.training.predictor import Use


class FinishedRun:
    """A method of an experiment that was trained to its end, on one seed.

    Attributes:
        job: the job that ended it.
        datasets: the networks that there are.
        notes: entries that the header of its state must have.
    """

    def __init__(
        self, experiment: str, method: str, seed: int | None = None, jobs: Jobs | None = None
    ) -> None:
        """Find the run.

        Args:
            seed: None: the first one of the experiment.
            jobs: those of params.yaml, where it was read before.

        Raises:
            UserError: experiment, method or seed are not known, or their run is missing or diverged.
        """
        self._jobs = jobs or Jobs(read_params())
        params = self._jobs.params
        if experiment not in params.experiments:
            raise UserError(
                f"No experiment is named {experiment!r}{nearest(experiment, params.experiments)}"
            )
        chosen = params.experiments[experiment]
        if method not in trained_rows():
            raise UserError(f"No method is named {method!r}{nearest(method, trained_rows())}")
        if method not in chosen.methods:
            raise UserError(f"{experiment} does not train {method!r}, but {', '.join(chosen.methods)}.")
        seed = chosen.seeds[0] if seed is None else seed
        if seed not in chosen.seeds:
            raise UserError(f"{experiment} has the seeds {', '.join(map(str, chosen.seeds))}, not {seed}.")
        self.job: TrainJob = self._jobs.final(experiment, seed, method)
        self.datasets = self.job.datasets
        self._state = paths.state(self.job.folder)
        if not Path(self._state).is_file():
            raise UserError(
                f"{experiment} was not run for {method}, seed {seed}. Run it: snakemake {experiment}"
            )
        if read_header(self._state).get("settings") != self.job.identity:
            raise UserError(
                f"{experiment} was run for {method}, seed {seed}, with other settings or other images than "
                f"there are now ({self._state}). Run it again, snakemake {experiment}, or undo the change."
            )
        if sentence := diverged(self._state):
            raise UserError(f"There are no networks to use. {sentence}")
        self.notes: dict[str, Any] = {
            "experiment": experiment,
            "seed": seed,
            "method": method,
            "settings": self.job.identity,
        }

    def use(self, dataset: str) -> "Use":
        """Return the use of a dataset's network: the way from an image to its inputs, and its outputs.

        Raises:
            UserError: the experiment has no such dataset, or its manifest is missing.
        """
        from jointnn.training.predictor import Use

        if dataset not in self.datasets:
            raise UserError(
                f"{self.job.experiment} has no dataset {dataset!r}{nearest(dataset, self.datasets)}"
            )
        manifest = read_json(f"{paths.raw(dataset)}/manifest.json")
        return Use(
            dataset=dataset,
            task=self.job.task,
            task_options=self.job.task_options,
            outputs=manifest.get("numbers") or manifest["classes"],
            size=self.job.size,
            channels=self.job.channels,
            fit=self._jobs.prepare(dataset, self.job.size).fit,
            trunk=self.job.trunk,
        )

    def made_of(self, use: "Use") -> dict[str, Any]:
        """Return the arguments of `make_network` for the network of a dataset."""
        name = self.job.architecture
        return {
            "name": name,
            "options": without_start(name, self.job.architecture_options),
            "classes": len(use.outputs),
            "channels": use.channels,
            "size": use.size,
        }

    def network(self, use: "Use") -> "nn.Module":
        """Return the network of a dataset.

        Raises:
            UserError: the state is damaged, or of other settings.
        """
        from jointnn.models.saved import make_network
        from jointnn.training.checkpoints import load_network

        network = make_network(**self.made_of(use))
        load_network(self._state, use.dataset, network, self.notes)
        return network

    def own_code(self) -> list[Path]:
        """Return the files of the project's folder that its networks need.

        They are modules of one's own, and what those import there.
        """
        from jointnn.jobs.code_digests import files_run

        root = Path.cwd()
        job = self.job
        used = [("architecture", job.architecture), ("task", job.task), ("trunk", job.trunk or "")]
        own = [(kind, name) for kind, name in used if is_own(name)]
        return within(root, files_run([entries.file_of(kind, name) for kind, name in own], root))


def within(root: Path, files: Iterable[Path]) -> list[Path]:
    """Return the files that are modules of a folder, sorted, without those of this package."""
    below = {file: file.relative_to(root) for file in files if file.is_relative_to(root)}
    return sorted(
        file
        for file, place in below.items()
        # What is installed below a folder named .venv or site-packages is no module of the project.
        if all(part.isidentifier() for part in place.with_suffix("").parts)
        and not file.is_relative_to(entries.PACKAGE)
    )


def without_start(name: str, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options of an architecture without the weights that it begins with.

    The trained weights replace them, and whoever loads those may not have them.
    """
    from jointnn.models.architectures import architecture

    option = entries.declared("architecture", name).get("imagenet")
    if not isinstance(option, str):
        return dict(options)
    usual = inspect.signature(architecture[name]).parameters[option].default
    return {**options, option: False if isinstance(usual, bool) else "none"}
