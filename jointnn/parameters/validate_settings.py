"""Mistakes in a set of settings, each with its path."""

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from jointnn.methods.catalogue import settings_read_by
from jointnn.methods.settings import MethodSettings
from jointnn.parameters.messages import lines_of
from jointnn.parameters.rows import row_of, trained_rows


def wrong_settings(at: str, settings: dict[str, Any], alone: bool = True) -> Iterator[str]:
    """Yield one line for each mistake in a set of settings.

    Args:
        alone: whether they must fit together, too.
    """
    try:
        MethodSettings.model_validate(settings)
    except ValidationError as error:
        if not alone and all(details["loc"] == () for details in error.errors()):
            return
        yield from lines_of(error, MethodSettings, settings, at)


def unread(at: str, name: str, settings: Mapping[str, Any]) -> Iterator[str]:
    """Yield settings that are chosen for a method, but that it does not read."""
    read = (
        settings_read_by(row_of(name).plan).model_fields
        if name in trained_rows()
        else MethodSettings.model_fields
    )
    for key in settings:
        if key in MethodSettings.model_fields and key not in read:
            yield f"{at}.{key}: {name} does not read this setting; leave it out.".removeprefix(".")
