"""Reading params.yaml: every mistake is one line with its path in the file."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from jointnn.errors import UserError
from jointnn.io.yaml import read_yaml
from jointnn.parameters.messages import lines_of
from jointnn.parameters.schema import Params
from jointnn.parameters.validation import mistakes
from jointnn.registry import nearest

FILE = "params.yaml"


def read_params(path: str | Path = FILE) -> Params:
    """Return the checked content of params.yaml.

    Raises:
        UserError: with one line for each mistake found.
    """
    raw = read_yaml(path)
    if not isinstance(raw, dict):
        found = "nothing" if raw is None else f"a {type(raw).__name__}"
        raise UserError(f"{path} must hold keys and values, as in default: [digits], but holds {found}.")
    try:
        whole = _extended(raw)
        params = Params.model_validate(whole)
        lines = _own(mistakes(params), raw)
    except ValidationError as error:
        lines = _own(lines_of(error, Params, whole), raw)
    except _ExtendsError as error:
        lines = [str(error)]
    if lines:
        raise UserError("\n".join(f"{path}: {line}" for line in lines))
    return params


class _ExtendsError(Exception):
    """An experiment extends one that is not there, or itself."""


def _extended(raw: dict[str, Any]) -> dict[str, Any]:
    """Return experiments with the entries of those that they extend; mappings are merged a level deep.

    A null takes away what would be inherited, also within such a mapping.
    """
    experiments = raw.get("experiments")
    if not isinstance(experiments, dict):
        return raw

    def whole(name: str, heirs: tuple[str, ...]) -> Any:
        own = experiments[name]
        if not isinstance(own, dict) or own.get("extends") is None:
            return own
        parent, at = own["extends"], f"experiments.{name}.extends"
        if not isinstance(parent, str) or parent not in experiments:
            raise _ExtendsError(
                f"{at}: {parent!r} is not known{nearest(str(parent), map(str, experiments))}"
            )
        if parent in (name, *heirs):
            raise _ExtendsError(f"{at}: {parent!r} extends this experiment itself.")
        base = whole(parent, (name, *heirs))
        if not isinstance(base, dict):  # its own mistake, found later
            return own
        return _merged(base, {key: _merged(base.get(key), value) for key, value in own.items()})

    return {**raw, "experiments": {name: whole(name, ()) for name in experiments}}


def _merged(base: Any, own: Any) -> Any:
    if not isinstance(base, dict) or not isinstance(own, dict):
        return own
    return {key: value for key, value in {**base, **own}.items() if value is not None or key not in own}


def _own(lines: Iterable[str], raw: dict[str, Any]) -> list[str]:
    """Return each line once, without those that an experiment only inherits from the one that it
    extends."""
    every = dict.fromkeys(lines)
    experiments = raw.get("experiments")
    heirs = {
        f"experiments.{name}": f"experiments.{own['extends']}"
        for name, own in (experiments.items() if isinstance(experiments, dict) else ())
        if isinstance(own, dict) and own.get("extends")
    }

    def inherited(line: str) -> bool:
        at = ".".join(re.split(r"[.: ]", line, maxsplit=2)[:2])
        return at in heirs and line.replace(at, heirs[at], 1) in every

    return [line for line in every if not inherited(line)]
