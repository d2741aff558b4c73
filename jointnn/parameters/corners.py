"""Corners of the family of `joint`: settings at which it is another method under its name."""

import math

from jointnn.methods.settings import MethodSettings
from jointnn.parameters.resolve import method_settings
from jointnn.parameters.rows import row_of
from jointnn.parameters.schema import Params


def corner(settings: MethodSettings) -> str | None:
    """Return the method that `joint` equals at some settings; None for settings inside the family.

    Without a pull (half-life infinite, or lambda 0) each network trains alone; after a start from one
    network for all that is `finetune`. An infinite pull makes one network. An infinite sigma makes every
    weight 1.
    """
    if math.isinf(settings.scale_factor) and not settings.strength.pulls_nothing:
        return "shareall" if settings.strength.half_life == 0 else "l2reg"
    if settings.strength.half_life == 0:
        return "shareall"
    if settings.strength.pulls_nothing:
        return "finetune" if settings.start == "shareall" else "isolated"
    return None


def corners(params: Params, experiment: str) -> dict[str, str]:
    """Return the rows of `joint` that equal another method, each with that method."""
    found = {
        name: corner(method_settings(params, experiment, name))
        for name in params.experiments[experiment].methods
        if row_of(name).plan == "joint"
    }
    return {name: method for name, method in found.items() if method is not None}
