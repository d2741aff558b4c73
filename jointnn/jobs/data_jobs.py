"""The settings files of the jobs that make images: from a source to what networks take."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from jointnn.data.digests import kept_digest
from jointnn.io.files import digest
from jointnn.jobs.code_digests import code_digests
from jointnn.jobs.identity import identity
from jointnn.parameters.schema import Params

Job = dict[str, Any]


def job_of(settings: Job, code: Mapping[str, str], before: Mapping[str, Job] | None = None) -> Job:
    """Return a job: its settings, the code that it runs, and the jobs before it by what they are to it.

    `identity` is the digest of what decides its numbers. Of each job before it, the job knows that digest,
    which names networks, and that of its whole record, code included, which says what is out of date.
    """
    known = before or {}
    return {
        **settings,
        "code": code,
        "before": {
            name: {"identity": job["identity"], "record": digest(job)} for name, job in known.items()
        },
        "identity": identity(settings, {name: job["identity"] for name, job in known.items()}),
    }


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
        settings = {
            "stage": "fetch",
            "dataset": dataset,
            "source": source.of_fetch(),
            "source_digest": kept_digest(dataset, source),
        }
        return job_of(settings, code_digests("fetch", [("dataset", source.source)]))

    def prepare(self, dataset: str, size: int, channels: int) -> Job:
        """Decode and resize it."""
        settings = {
            "stage": "prepare",
            "dataset": dataset,
            "size": size,
            "channels": channels,
            "fit": self.params.datasets[dataset].fit,
            "mirrored": self.params.datasets[dataset].mirrored,
        }
        return job_of(settings, code_digests("prepare"), {"fetch": self.fetch(dataset)})

    def activations(self, dataset: str, size: int, channels: int, trunk: str) -> Job:
        """Its images through a frozen trunk."""
        settings = {
            "stage": "activations",
            "dataset": dataset,
            "size": size,
            "channels": channels,
            "trunk": trunk,
        }
        before = {"prepare": self.prepare(dataset, size, channels)}
        return job_of(settings, code_digests("activations", [("trunk", trunk)]), before)

    def images(self, experiment: str, dataset: str) -> Job:
        """The job that makes what an experiment's networks take of a dataset."""
        chosen = self.params.experiments[experiment]
        size, channels = chosen.image_size, chosen.channels
        if chosen.trunk:
            return self.activations(dataset, size, channels, chosen.trunk)
        return self.prepare(dataset, size, channels)
