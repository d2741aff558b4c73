"""Arrays by name in safetensors files, with a header that says what they are."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from jointnn.errors import UserError
from jointnn.io.files import read_bytes, write_atomically

if TYPE_CHECKING:
    pass


Tensors = dict[str, np.ndarray]


def write_tensors(path: str | Path, tensors: Tensors, header: Mapping[str, Any]) -> None:
    """Write arrays as safetensors with a header of texts, atomically.

    Args:
        tensors: arrays by name, any shape and type that safetensors knows.
        header: what the file is; values become texts. Reading checks it (`check_header`).
    """
    from safetensors.numpy import save

    texts = {key: str(header[key]) for key in sorted(header)}
    # safetensors leaves the order of a header's keys open, so several of them would give several bytes.
    content = save(
        {name: np.asarray(tensors[name], order="C") for name in sorted(tensors)},
        {"jointnn": json.dumps(texts, sort_keys=True)},
    )
    write_atomically(path, content)


def read_tensors(path: str | Path) -> tuple[Tensors, dict[str, str]]:
    """Return arrays and header of a safetensors file; a damaged one is refused by name."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    content = read_bytes(path)
    try:
        return load(content), _header(content)
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is damaged: {error}. Delete it and run its job again.") from error


def read_some_tensors(path: str | Path, prefixes: tuple[str, ...]) -> Tensors:
    """Return the arrays of a safetensors file whose names begin with one of `prefixes`; others stay unread.

    Raises:
        UserError: the file is missing or damaged.
    """
    from safetensors import SafetensorError, safe_open

    read_header(path)  # refuses a file that is not there
    try:
        with safe_open(str(path), "numpy") as file:
            return {name: file.get_tensor(name) for name in file.keys() if name.startswith(prefixes)}  # noqa: SIM118
    except SafetensorError as error:
        raise UserError(f"{path} is damaged: {error}. Delete it and run its job again.") from error


def read_header(path: str | Path) -> dict[str, str]:
    """Return the header of a safetensors file, without its arrays; a damaged one is refused by name."""
    try:
        with Path(path).open("rb") as file:
            size = file.read(8)
            return _header(size + file.read(int.from_bytes(size, "little")))
    except FileNotFoundError:
        read_bytes(path)  # refuses it
        raise
    except (ValueError, KeyError, TypeError, OverflowError, MemoryError) as error:
        raise UserError(f"{path} is damaged: {error}. Delete it and run its job again.") from error


def numbers_of_state(path: str | Path) -> dict[str, Any]:
    """Return what the header of a saved state tells besides tensors: `diverged`, `alarms`, `step`."""
    numbers: dict[str, Any] = json.loads(read_header(path).get("state", "{}"))
    return numbers


def diverged(path: str | Path) -> str:
    """Return what happened to the run that left a state, if it diverged; empty otherwise."""
    said: str = numbers_of_state(path).get("diverged", "")
    return said


def _header(content: bytes) -> dict[str, str]:
    size = int.from_bytes(content[:8], "little")
    header: dict[str, str] = json.loads(json.loads(content[8 : 8 + size])["__metadata__"]["jointnn"])
    return header


def check_header(path: str | Path, header: Mapping[str, str], expected: Mapping[str, Any]) -> None:
    """Refuse a file that was made for something else, naming the first entry that differs.

    Args:
        header: as read from the file.
        expected: entries that must be there, with their values.
    """
    for key, value in expected.items():
        if header.get(key) != str(value):
            raise UserError(
                f"{path} belongs to another {key}: it says {header.get(key)!r}, this job needs "
                f"{str(value)!r}. Delete it and run the job that makes it."
            )
