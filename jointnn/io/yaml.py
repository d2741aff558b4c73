"""YAML 1.2 as DVC reads it: no key twice, 1e-3 is a number, 0500 is 500 and yes is a text."""

from io import StringIO
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from jointnn.errors import UserError, unreadable


def _yaml() -> YAML:
    """Return a reader and writer of plain values, in pure Python: libyaml makes no difference."""
    return YAML(typ="safe", pure=True)


def from_yaml(text: str) -> Any:
    """Return the value that a text in YAML holds.

    Raises:
        YAMLError: it is no YAML, or holds a key twice.
    """
    return _yaml().load(text)


def to_yaml(value: Any) -> str:
    """Return a value as YAML: mappings in their order, each innermost mapping on one line."""
    writer, text = _yaml(), StringIO()
    writer.default_flow_style = None
    writer.sort_base_mapping_type_on_output = False  # type: ignore[assignment]  # declared as None
    writer.width = 1000
    writer.dump(value, text)
    return text.getvalue()


def to_yaml_blocks(value: Any) -> str:
    """Return a value as YAML, each entry on its own line, as DVC writes it when it edits such files."""
    writer, text = YAML(), StringIO()
    writer.default_flow_style = False
    writer.dump(value, text)
    return text.getvalue()


DEEPEST = 50
MOST = 1_000_000
"""Values in a file, those for which an alias stands counted each time."""


def _check_size(value: Any) -> None:
    """Refuse what no reader of values comes to an end with: aliases that hold themselves, or that multiply.

    Raises:
        RecursionError: it is nested too deeply, or without an end.
        YAMLError: there are too many values.
    """
    sizes: dict[int, int] = {}

    def size(node: Any, depth: int) -> int:
        if not isinstance(node, dict | list | set | tuple):
            return 1
        if depth > DEEPEST:
            raise RecursionError
        if id(node) not in sizes:
            inner = [*node, *node.values()] if isinstance(node, dict) else node
            sizes[id(node)] = 1 + sum(size(each, depth + 1) for each in inner)
        return sizes[id(node)]

    if size(value, 0) > MOST:
        raise YAMLError(f"its aliases stand for more than {MOST} values")


def read_yaml(path: str | Path) -> Any:
    """Return the content of a YAML file.

    Raises:
        UserError: it cannot be read, is no YAML, or holds a key twice; names the line.
    """
    try:
        value = from_yaml(Path(path).read_text(encoding="utf-8"))
        _check_size(value)
        return value
    except RecursionError as error:
        raise UserError(
            f"{path}: lists and mappings lie in each other more than {DEEPEST} deep. Write it flatter."
        ) from error
    except OSError as error:
        raise unreadable(path, error) from error
    except UnicodeDecodeError as error:
        raise UserError(
            f"{path} is no text in UTF-8: {error.reason} at byte {error.start}. Save it as UTF-8."
        ) from error
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = f"line {mark.line + 1}, column {mark.column + 1}: " if mark else ""
        problem = error.problem.partition(" with value ")[0]  # of a key twice, whose values may be sections
        raise UserError(f"{path}: {place}{problem}.") from error
    except (YAMLError, ValueError) as error:  # a date or number that its form promises and is none
        raise UserError(f"{path} is not YAML: {' '.join(str(error).split())}.") from error
