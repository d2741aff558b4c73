"""The settings of a method: preset, then experiment, then what was tuned for the method."""

import json
from typing import Any

from jointnn.methods.catalogue import settings_read_by
from jointnn.methods.settings import MethodSettings
from jointnn.parameters.rows import row_of
from jointnn.parameters.schema import Overrides, Params

OF_THE_JOB = {"processes"}
"""Settings that a job has for itself, apart from those that decide its numbers."""
LATER = {"batched", "scale", "tied"}
"""Settings that files have only where they are no default: records that are older do not know them."""


def merged_settings(
    params: Params, experiment: str, name: str, point: Overrides | None = None
) -> dict[str, Any]:
    """Return the settings of a method as they are written.

    Args:
        point: a point of the search, in the place of the tuned settings.
    """
    chosen = params.experiments[experiment]
    last = chosen.tuned.get(name, {}) if point is None else point
    own = params.presets[row.preset] if (row := row_of(name)).preset else {}
    return {**params.presets[chosen.preset], **chosen.settings, **own, **last}


def method_settings(
    params: Params, experiment: str, name: str, point: Overrides | None = None
) -> MethodSettings:
    """Return the checked settings of a method in an experiment, or of a point of its search."""
    return MethodSettings.model_validate(merged_settings(params, experiment, name, point))


def settings_for(name: str, settings: MethodSettings) -> dict[str, Any]:
    """Return the settings that a method reads, as a settings file has them. Infinity is a text there."""
    read = set(settings_read_by(row_of(name).plan).model_fields)
    read -= OF_THE_JOB | {
        key for key in LATER if getattr(settings, key) == MethodSettings.model_fields[key].default
    }
    found: dict[str, Any] = json.loads(settings.model_dump_json(by_alias=False, include=read))
    return found
