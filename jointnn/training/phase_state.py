"""Weights and progress of the phases between objects and JSON."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from jointnn.irls.rounds import Round
from jointnn.training.loop import Progress


def progress_to_json(progress: Progress) -> dict[str, Any]:
    """What a phase hands to the next as JSON; numbers keep every digit."""
    found = progress.found
    return {
        "distances": _listed(progress.layer_distances_squared),
        "sigma": _listed(progress.sigma),
        "found": None if found is None else round_to_json(found),
        "weights_of_rounds": [weights.tolist() for weights in progress.weights_of_rounds],
    }


def progress_from_json(progress: Progress, value: Mapping[str, Any]) -> None:
    """Put it back into `progress`."""
    progress.layer_distances_squared = _tensor(value["distances"])
    progress.sigma = _tensor(value["sigma"])
    progress.found = None if value["found"] is None else round_from_json(value["found"])
    progress.weights_of_rounds = [
        torch.tensor(weights, dtype=torch.float64) for weights in value["weights_of_rounds"]
    ]


def round_to_json(found: Round) -> dict[str, Any]:
    """The weights of a round as JSON; numbers keep every digit."""
    return {
        "weights": found.weights.tolist(),
        "sigma": found.sigma.tolist(),
        "delta": found.delta,
        "converged": found.converged,
        "widest_ratio": found.widest_ratio,
    }


def round_from_json(value: Mapping[str, Any]) -> Round:
    """The weights of a round from JSON."""
    return Round(
        weights=torch.tensor(value["weights"], dtype=torch.float64),
        sigma=torch.tensor(value["sigma"], dtype=torch.float64),
        delta=value["delta"],
        converged=value["converged"],
        widest_ratio=value["widest_ratio"],
    )


def _listed(value: Tensor | None) -> Any:
    return None if value is None else value.tolist()


def _tensor(value: Any) -> Tensor | None:
    return None if value is None else torch.tensor(value, dtype=torch.float64)
