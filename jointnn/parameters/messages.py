"""From pydantic's errors to lines that a person can act on: the path, the value found, what it is for."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from jointnn.registry import nearest

Path = Sequence[int | str]

REWORDED = {
    r"^Value error, ": "",
    r"^(Input|String|List|Dictionary|Keys|Value) should ": "must ",
    r"valid dictionary( or instance of \w+)?": "mapping, as in key: value",
    r"valid list": "list, as in [a, b]",
    r"valid string": "text",
    r"must be strings": "must be a text",
    r"valid integer.*": "whole number",
    r"valid number.*": "number",
    r"a valid boolean.*": "true or false",
    r" after validation": "",
    r"match pattern '\^\[a-z\].*'": "hold small letters, digits and _ alone, and begin with a letter",
}
"""Words of pydantic, and ours."""


def lines_of(error: ValidationError, model: type[BaseModel], value: Any, at: str = "") -> Iterator[str]:
    """One line for each mistake.

    Args:
        model: what `value` was checked with.
        at: the path of `value` in the file.
    """
    for details in error.errors():
        path = ".".join([*([at] if at else []), *_path(details["loc"], value)])
        sentence = _sentence(details, model)
        yield f"{path}: {sentence}" if path else sentence


def _path(loc: Path, value: Any) -> Iterator[str]:
    """The keys of a path that stand in the file, or that should; not the marks that pydantic adds."""
    for depth, part in enumerate(loc):
        is_item = isinstance(value, list) and isinstance(part, int)
        if is_item or (isinstance(value, dict) and part in value):
            value = value[part]
        elif depth < len(loc) - 1 or part == "[key]" or not isinstance(value, dict):
            continue
        yield str(part)


def _sentence(details: ErrorDetails, model: type[BaseModel]) -> str:
    holder, meaning = _declared(model, details["loc"])
    if details["type"] == "extra_forbidden":
        known = [field.alias or key for key, field in holder.model_fields.items()]
        return f"this key is not known{nearest(str(details['loc'][-1]), known)}"
    if details["type"] == "missing":
        return f"this key is missing. {meaning}".rstrip()
    if details["type"] == "unknown_name":  # which says already what is known
        return details["msg"]
    reason = details["msg"].rstrip(".")
    for theirs, ours in REWORDED.items():
        reason = re.sub(theirs, ours, reason)
    return f"{_found(details, reason)}{reason}. {meaning}".rstrip()


def _found(details: ErrorDetails, reason: str) -> str:
    """The value found, where the reason does not name it and it is not a whole section."""
    value = details["input"]
    shown = "nothing" if value is None else repr(value)
    if details["type"] == "value_error" and (isinstance(value, dict | BaseModel) or shown in reason):
        return ""
    return f"{shown if len(shown) <= 60 else shown[:57] + '...'}: "


def _declared(model: type[BaseModel], loc: Path) -> tuple[type[BaseModel], str]:
    """The model that declares the last key of a path, and that key's meaning."""
    holder, meaning, within_mapping = model, "", False
    current: type[BaseModel] | None = model
    for part in loc:
        if within_mapping:  # a name that the user has given
            within_mapping = False
            continue
        fields = (
            {field.alias or key: field for key, field in current.model_fields.items()} if current else {}
        )
        if current:
            holder = current
        if part not in fields:
            continue
        field = fields[str(part)]
        meaning = " ".join((field.description or "").split())
        models = [found for found in _classes(field.annotation) if issubclass(found, BaseModel)]
        current = models[0] if models else None
        within_mapping = get_origin(field.annotation) is dict
    return holder, meaning


def _classes(annotation: Any) -> list[type]:
    """Every class in an annotation such as dict[str, X] | None."""
    if isinstance(annotation, type) and not get_args(annotation):
        return [annotation]
    return [found for part in get_args(annotation) for found in _classes(part)]
