"""The trials of a scale, which compare whom a network shares with after the L2 start. No torch here."""

import math

from jointnn.methods.settings import MethodSettings

SHARES_WITH_NONE = 1e-3
"""A scale this far below the nearest distance gives every pair a weight of about 0."""


def factors_tried(settings: MethodSettings) -> list[float]:
    """Return the scale factors of `scale: trials`: sharing with all, with near networks, with none."""
    return [math.inf, settings.scale_factor, SHARES_WITH_NONE]
