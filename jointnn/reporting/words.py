"""Settings in words, for a page that a person reads."""

import math
from collections.abc import Mapping
from typing import Any

NAMES = {"scale_factor": "s", "half_life": "half-life", "lambda": "λ", "lambda_": "λ"}
"""Names of settings in words, where they are not the key with spaces for underscores."""


HARMS = "Joining harms"
"""How the sentence begins on the datasets that joining harms."""


def in_words(settings: Mapping[str, Any]) -> str:
    """Return settings in words, on one line: learning rate 0.03, half-life 2."""
    return ", ".join(_word(key, value) for key, value in settings.items())


def _word(key: str, value: Any) -> str:
    if isinstance(value, Mapping):
        return in_words(value)
    if key == "shared_fraction":
        return f"{100 * value:g} % shared"
    name = NAMES.get(key, key.replace("_", " "))
    if isinstance(value, bool):
        return name if value else f"not {name}"
    return f"{name} {_number(value)}"


def _number(value: Any) -> str:
    if isinstance(value, list):
        return f"`{', '.join(map(str, value))}`"
    try:
        number = float(value)  # the grid writes infinity as a text
    except (TypeError, ValueError):
        return f"`{value}`"
    return "∞" if math.isinf(number) else f"{number:g}"


def listed(names: list[str]) -> str:
    """Return a list of names in words, as in "a, b and c"."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)
