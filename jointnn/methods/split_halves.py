"""What training two halves of every dataset changes in the settings of a method. No torch here."""

from collections.abc import Mapping
from typing import Any


def halved(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings under which halves have the L2 start that whole datasets have under these.

    Half a batch each: the two halves of a dataset together see as many images as its one network would. A
    lambda is halved too, since there are twice as many networks, which together pull as hard. A half-life
    does that by itself.

    Args:
        settings: those of the L2 start, as a settings file has them.
    """
    half = max(1, settings["batch_size"] // 2)
    changed: dict[str, Any] = {"batch_size": half, "accumulate": min(settings["accumulate"], half)}
    if (given := settings["strength"]["lambda_"]) is not None:
        changed["strength"] = {**settings["strength"], "lambda_": given / 2}
    return {**settings, **changed}
