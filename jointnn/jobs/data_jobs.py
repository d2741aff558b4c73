"""The jobs that make images: from a source to what networks take.

Functions of a params.yaml and of the jobs before. Which those are is said by `graph`.
"""

from collections.abc import Mapping
from typing import Any, TypeVar

from jointnn.data.digests import kept_digest
from jointnn.jobs.code_digests import code_digests
from jointnn.jobs.identity import identity
from jointnn.jobs.specs import ActivationsJob, FetchJob, Job, PrepareJob
from jointnn.parameters.schema import Params

Made = TypeVar("Made", bound=Job)


def made(
    model: type[Made],
    settings: Mapping[str, Any],
    code: Mapping[str, str],
    before: Mapping[str, Job] | None = None,
) -> Made:
    """Return a job of these settings that runs this code after these jobs."""
    known = {name: job.known() for name, job in (before or {}).items()}
    named = identity(settings, {name: job.identity for name, job in known.items()})
    return model(**settings, code=dict(code), before=known, identity=named)


def fetch(params: Params, dataset: str) -> FetchJob:
    """Bring a dataset into the Parquet layout."""
    source = params.datasets[dataset]
    settings = {
        "stage": "fetch",
        "dataset": dataset,
        "source": source.of_fetch(),
        "source_digest": kept_digest(dataset, source),
    }
    return made(FetchJob, settings, code_digests("fetch", [("dataset", source.source)]))


def prepare(params: Params, dataset: str, size: int, before: Mapping[str, Job]) -> PrepareJob:
    """Decode and resize it."""
    settings = {
        "stage": "prepare",
        "dataset": dataset,
        "size": size,
        "channels": channels_of(params, dataset, size),
        "fit": params.datasets[dataset].fit,
        "mirrored": params.datasets[dataset].mirrored,
    }
    return made(PrepareJob, settings, code_digests("prepare"), before)


def activations(
    params: Params, dataset: str, size: int, trunk: str, before: Mapping[str, Job]
) -> ActivationsJob:
    """Send its images through a frozen trunk."""
    settings = {
        "stage": "activations",
        "dataset": dataset,
        "size": size,
        "channels": channels_of(params, dataset, size),
        "trunk": trunk,
    }
    return made(ActivationsJob, settings, code_digests("activations", [("trunk", trunk)]), before)


def channels_of(params: Params, dataset: str, size: int) -> int:
    """Return the channels of a dataset's images of one size, on which experiments agree."""
    return next(
        chosen.channels
        for chosen in params.experiments.values()
        if chosen.image_size == size and dataset in chosen.datasets
    )
