"""The settings files of the jobs that make images: from a source to what networks take."""

from functools import lru_cache
from typing import Any

from jointnn.code import code_digests
from jointnn.datasets.digests import kept_digest
from jointnn.files import digest
from jointnn.params import Params

Job = dict[str, Any]


class ImageJobs:
    """The jobs of the datasets of a params.yaml, each as the content of its settings file."""

    def __init__(self, params: Params) -> None:
        self.params = params
        # The same job is asked for by everything after it; each is worked out once.
        for name in ("fetch", "prepare", "activations"):
            setattr(self, name, lru_cache(getattr(self, name)))

    def fetch(self, dataset: str) -> Job:
        """Bring a dataset into the Parquet layout."""
        source = self.params.datasets[dataset]
        return {
            "stage": "fetch",
            "dataset": dataset,
            "source": source.of_fetch(),
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
            "fit": self.params.datasets[dataset].fit,
            "mirrored": self.params.datasets[dataset].mirrored,
            "code": code_digests("prepare"),
            "upstream": {"fetch": digest(self.fetch(dataset))},
        }

    def activations(self, dataset: str, size: int, channels: int, trunk: str) -> Job:
        """Its images through a frozen trunk."""
        return {
            "stage": "activations",
            "dataset": dataset,
            "size": size,
            "channels": channels,
            "trunk": trunk,
            "code": code_digests("activations", [("trunk", trunk)]),
            "upstream": {"prepare": digest(self.prepare(dataset, size, channels))},
        }

    def images(self, experiment: str, dataset: str) -> Job:
        """The job that makes what an experiment's networks take of a dataset."""
        chosen = self.params.experiments[experiment]
        size, channels = chosen.image_size, chosen.channels
        if chosen.trunk:
            return self.activations(dataset, size, channels, chosen.trunk)
        return self.prepare(dataset, size, channels)
