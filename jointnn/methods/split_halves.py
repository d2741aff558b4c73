"""The settings of a method for training two halves of every dataset. No torch here."""

from collections.abc import Mapping
from typing import Any


def halved(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return settings of the L2 start for halves, equivalent to `settings` for whole datasets.

    Each has half a batch: the two halves of a dataset together see as many images as its one network would.
    A lambda is halved too, since there are twice as many networks, which together pull as hard. A
    half-life does that by itself.

    Args:
        settings: those of the L2 start, as a settings file has them.
    """
    half = max(1, settings["batch_size"] // 2)
    changed: dict[str, Any] = {"batch_size": half, "accumulate": min(settings["accumulate"], half)}
    if (given := settings["strength"]["lambda_"]) is not None:
        changed["strength"] = {**settings["strength"], "lambda_": given / 2}
    return {**settings, **changed}
