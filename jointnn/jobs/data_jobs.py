"""The settings of the jobs that make images: from a source to what networks take.

Functions of the parameters; which job comes after which is said by `graph`.
"""

from typing import Any

from jointnn.data.digests import kept_digests
from jointnn.errors import UserError
from jointnn.parameters.schema import Params


def fetch(params: Params, dataset: str) -> dict[str, Any]:
    """Return the settings of the job that brings a dataset into the Parquet layout."""
    source = params.datasets[dataset]
    digest, left_out = kept_digests(dataset, source)
    settings = {
        "stage": "fetch",
        "dataset": dataset,
        "source": source.of_fetch(),
        "source_digest": digest,
    }
    return settings | ({"left_out": left_out} if left_out else {})


def prepare(params: Params, dataset: str, size: int) -> dict[str, Any]:
    """Return the settings of the job that decodes and resizes a dataset."""
    return {
        "stage": "prepare",
        "dataset": dataset,
        "size": size,
        "channels": _channels_of(params, dataset, size),
        "fit": params.datasets[dataset].fit,
        "mirrored": params.datasets[dataset].mirrored,
    }


def activations(params: Params, dataset: str, size: int, trunk: str) -> dict[str, Any]:
    """Return the settings of the job that sends a dataset's images through a frozen trunk."""
    return {
        "stage": "activations",
        "dataset": dataset,
        "size": size,
        "channels": _channels_of(params, dataset, size),
        "trunk": trunk,
    }


def _channels_of(params: Params, dataset: str, size: int) -> int:
    """Return the number of channels of a dataset's images of one size. Experiments agree on it."""
    for chosen in params.experiments.values():
        if chosen.image_size == size and dataset in chosen.datasets:
            return chosen.channels
    raise UserError(f"there is no experiment with {dataset} at {size} pixels.")
