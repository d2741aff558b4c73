"""Reading params.yaml: every mistake is one line with its path in the file."""

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from jointnn import search
from jointnn.code import file_of
from jointnn.errors import UserError
from jointnn.methods import method, settings_read_by
from jointnn.params import ExperimentParams, MethodSettings, Params

FILE = "params.yaml"


def read_params(path: str | Path = FILE) -> Params:
    """The checked content of params.yaml.

    Raises:
        UserError: with one line for each mistake found.
    """
    try:
        raw = yaml.safe_load(Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path} could not be read: {error.strerror}.") from error
    except yaml.YAMLError as error:
        raise UserError(f"{path} is not YAML: {' '.join(str(error).split())}.") from error
    if not isinstance(raw, dict):
        raise UserError(f"{path} must hold keys and values, but holds {type(raw).__name__}.")
    try:
        params = Params.model_validate(_extended(raw))
    except ValidationError as error:
        raise UserError("\n".join(_lines(error, Params, ""))) from error
    if mistakes := list(_mistakes(params)):
        raise UserError("\n".join(f"{FILE}: {mistake}" for mistake in mistakes))
    return params


def _extended(raw: dict[str, Any]) -> dict[str, Any]:
    """Experiments with the entries of those that they extend; mappings are merged a level deep."""
    experiments = raw.get("experiments")
    if not isinstance(experiments, dict):
        return raw

    def whole(name: str, seen: tuple[str, ...]) -> Any:
        own = experiments[name]
        if not isinstance(own, dict) or own.get("extends") is None:
            return own
        parent = own["extends"]
        if parent not in experiments or parent in seen:
            raise UserError(
                f"{FILE}: experiments.{name}.extends: {parent!r} "
                + ("extends this one." if parent in seen else f"is none of {', '.join(experiments)}.")
            )
        base = whole(parent, (*seen, name))
        return {**base, **{key: _merged(base.get(key), value) for key, value in own.items()}}

    return {**raw, "experiments": {name: whole(name, (name,)) for name in experiments}}


def _merged(base: Any, own: Any) -> Any:
    return {**base, **own} if isinstance(base, dict) and isinstance(own, dict) else own


def merged_settings(params: Params, experiment: str, name: str) -> dict[str, Any]:
    """Settings of a method as written: preset, then experiment, then what was tuned for the method."""
    chosen = params.experiments[experiment]
    return {**params.presets[chosen.preset], **chosen.settings, **chosen.tuned.get(name, {})}


def method_settings(params: Params, experiment: str, name: str) -> MethodSettings:
    """The checked settings of a method in an experiment."""
    return MethodSettings.model_validate(merged_settings(params, experiment, name))


def settings_for(name: str, settings: MethodSettings) -> dict[str, Any]:
    """The settings that a method reads, as a mapping for a settings file."""
    read = settings_read_by(name).model_fields
    return {
        key: value for key, value in settings.model_dump(mode="json", by_alias=False).items() if key in read
    }


def _mistakes(params: Params) -> Iterator[str]:
    """What the models alone cannot see, each with its path."""
    for key, names in {"default": params.default}.items():
        yield from _unknown(key, names, params.experiments)
    for name, preset in params.presets.items():
        yield from _setting_mistakes(f"presets.{name}", preset)
    yield from _channel_mistakes(params)
    for name, experiment in params.experiments.items():
        yield from _experiment_mistakes(f"experiments.{name}", experiment, params, name)


def _experiment_mistakes(at: str, experiment: ExperimentParams, params: Params, name: str) -> Iterator[str]:
    yield from _unknown(f"{at}.preset", [experiment.preset], params.presets)
    yield from _unknown(f"{at}.datasets", experiment.datasets, params.datasets)
    for key, names in {
        "methods": experiment.methods,
        "tuned": list(experiment.tuned),
        "search": list(experiment.search),
    }.items():
        yield from _unknown(f"{at}.{key}", names, method)
    named = [("task", experiment.task), ("architecture", experiment.architecture)]
    for kind, entry in [*named, *(("figure", figure) for figure in experiment.figures)]:
        try:
            file_of(kind, entry)
        except UserError as error:
            yield f"{at}.{kind}: {error}"
    parts = {"settings": experiment.settings}
    parts |= {f"tuned.{key}": value for key, value in experiment.tuned.items()}
    broken = [line for key, part in parts.items() for line in _setting_mistakes(f"{at}.{key}", part)]
    yield from broken
    if not broken and experiment.preset in params.presets:
        for chosen in experiment.methods:
            yield from _setting_mistakes(f"{at} ({chosen})", merged_settings(params, name, chosen))
        yield from search.mistakes(f"{at}.search", experiment, _setting_mistakes)


def _channel_mistakes(params: Params) -> Iterator[str]:
    """A prepared file is named by dataset and size, so its users must agree on its channels."""
    seen: dict[tuple[str, int], tuple[str, int]] = {}
    for name, experiment in params.experiments.items():
        for dataset in experiment.datasets:
            key = (dataset, experiment.image_size)
            other, channels = seen.setdefault(key, (name, experiment.channels))
            if channels != experiment.channels:
                yield (
                    f"experiments.{name}.channels: {experiment.channels}, but {other} uses {dataset} at "
                    f"{experiment.image_size} pixels with {channels}; declare it under a second name."
                )


def _unknown(at: str, names: list[str], known: Mapping[str, Any]) -> Iterator[str]:
    for name in names:
        if name not in known:
            yield f"{at}: {name!r} is not known{_nearest(name, list(known))}."


def _nearest(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else f". Known: {', '.join(sorted(known))}"


def _setting_mistakes(at: str, settings: dict[str, Any]) -> Iterator[str]:
    try:
        MethodSettings.model_validate(settings)
    except ValidationError as error:
        yield from (line.removeprefix(f"{FILE}: ") for line in _lines(error, MethodSettings, at))


def _lines(error: ValidationError, model: type[BaseModel], at: str) -> Iterator[str]:
    for details in error.errors():
        yield f"{FILE}: {_line(details, model, at)}"


def _line(details: ErrorDetails, model: type[BaseModel], at: str) -> str:
    path = ".".join([*([at] if at else []), *(str(part) for part in details["loc"])])
    holder, meaning = _declared(model, details["loc"])
    if details["type"] == "extra_forbidden":
        known = [field.alias or key for key, field in holder.model_fields.items()]
        return f"{path}: this key is not known{_nearest(str(details['loc'][-1]), known)}."
    if details["type"] == "missing":
        return f"{path}: this key is missing. {meaning}"
    reason = details["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    found = "" if isinstance(details["input"], dict | BaseModel) else f"{details['input']!r}: "
    return f"{path}: {found}{reason}. {meaning}".rstrip()


def _declared(model: type[BaseModel], loc: tuple[int | str, ...]) -> tuple[type[BaseModel], str]:
    """The model that declares the last key of a path, and that key's meaning."""
    holder, meaning, current = model, "", model
    for part in loc:
        fields = {field.alias or key: field for key, field in current.model_fields.items()}
        if part in fields:
            holder = current
            meaning = fields[str(part)].description or ""
            inner = [t for t in _types(fields[str(part)].annotation) if issubclass(t, BaseModel)]
            current = inner[0] if inner else current
        else:
            holder = current
    return holder, meaning


def _types(annotation: Any) -> list[type]:
    """Every class in an annotation such as dict[str, X] | None."""
    if isinstance(annotation, type) and not get_args(annotation):
        return [annotation]
    return [found for part in get_args(annotation) for found in _types(part)]
