"""The way from pydantic's errors to lines that a person can act on: path, value found, its meaning."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from jointnn.registry import nearest

Path = Sequence[int | str]

SAYS = {
    "bool": "must be true or false",
    "dict_type": "must be a mapping, as in key: value",
    "finite_number": "must be a finite number",
    "float": "must be a number",
    "greater_than": "must be greater than {gt:g}",
    "greater_than_equal": "must be greater than or equal to {ge:g}",
    "int": "must be a whole number",
    "invalid_key": "must be a text",
    "less_than": "must be less than {lt:g}",
    "less_than_equal": "must be less than or equal to {le:g}",
    "list_type": "must be a list, as in [a, b]",
    "literal_error": "must be {expected}",
    "model_type": "must be a mapping, as in key: value",
    "string_pattern_mismatch": "must {pattern}",
    "string_too_short": "must not be empty",
    "string_type": "must be a text",
    "too_short": "must have at least {min_length} {items}, not {actual_length}",
    "value_error": "{error}",
}
"""Our sentence for each type of pydantic's errors, or for all types that begin so, with its context."""
PATTERNS = {
    r"^[a-z][a-z0-9_]*$": "hold small letters, digits and _ alone, and begin with a letter",
    r"^\S+$": "be a word without spaces",
}


def lines_of(error: ValidationError, model: type[BaseModel], value: Any, at: str = "") -> Iterator[str]:
    """Yield one line for each mistake.

    Args:
        model: the model that has refused `value`.
        at: the path of `value` in the file.
    """
    for details in error.errors():
        path = ".".join([*([at] if at else []), *_path(details["loc"], value)])
        sentence = _sentence(details, model)
        yield f"{path}: {sentence}" if path else sentence


def unknown(at: str, names: Sequence[str], known: Mapping[str, Any] | Sequence[str]) -> Iterator[str]:
    """Yield one line for each name that is not among the known ones."""
    for name in names:
        if name not in known:
            yield f"{at}: {name!r} is not known{nearest(name, known)}"


def _path(loc: Path, value: Any) -> Iterator[str]:
    """Yield the keys of a path that stand in the file, or that should; not the marks that pydantic adds."""
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
    reason = _reason(details)
    return f"{_found(details, reason)}{reason}. {meaning}".rstrip()


def _reason(details: ErrorDetails) -> str:
    """Return the mistake in our words, or in pydantic's for a type that no model of ours has today."""
    kind, context = details["type"], details.get("ctx", {})
    said = SAYS.get(kind) or SAYS.get(kind.split("_")[0])
    if said is None:
        return details["msg"]
    words = {"items": "item" if context.get("min_length") == 1 else "items"}
    if pattern := context.get("pattern"):
        words["pattern"] = PATTERNS.get(pattern, f"match {pattern}")
    return said.format(**context | words).rstrip(".")


def _found(details: ErrorDetails, reason: str) -> str:
    """Return the found value in words; "" where the reason names it or it is a whole section."""
    value = details["input"]
    shown = "nothing" if value is None else repr(value)
    if details["type"] == "value_error" and (isinstance(value, dict | BaseModel) or shown in reason):
        return ""
    return f"{shown if len(shown) <= 60 else shown[:57] + '...'}: "


def _declared(model: type[BaseModel], loc: Path) -> tuple[type[BaseModel], str]:
    """Return the model that declares the last key of a path, and the meaning of that key."""
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
    """Return every class in an annotation such as dict[str, X] | None."""
    if isinstance(annotation, type) and not get_args(annotation):
        return [annotation]
    return [found for part in get_args(annotation) for found in _classes(part)]
