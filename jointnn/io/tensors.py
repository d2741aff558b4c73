"""Arrays by name in safetensors files, with a header that says what they are."""

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from jointnn.errors import UserError
from jointnn.io.files import read_bytes, write_atomically

Tensors = dict[str, np.ndarray]
SUMS = "sums"
"""The entry of a header with the check sums of its texts and of each array: a flipped bit is noticed."""


def write_tensors(path: str | Path, tensors: Tensors, header: Mapping[str, Any]) -> None:
    """Write arrays as safetensors with a header of texts, atomically.

    Args:
        tensors: arrays by name, any shape and type that safetensors knows.
        header: the identity of the file; values become texts. Reading checks it (`check_header`).
    """
    from safetensors.numpy import save

    texts = {key: str(header[key]) for key in sorted(header)}
    arrays = {name: np.asarray(tensors[name], order="C") for name in sorted(tensors)}
    sums = {name: _sum_of(array) for name, array in arrays.items()}
    # safetensors leaves the order of a header's keys open, so several of them would give several bytes.
    content = save(arrays, {"jointnn": json.dumps({**texts, SUMS: [_sum(texts), sums]}, sort_keys=True)})
    write_atomically(path, content)


def _sum(texts: Mapping[str, str]) -> int:
    return zlib.crc32(json.dumps(texts, sort_keys=True).encode())


def _sum_of(array: np.ndarray) -> int:
    """Return the check sum of an array's values, type and shape."""
    begun = zlib.crc32(f"{array.dtype.name} {array.shape}".encode())
    return zlib.crc32(np.ascontiguousarray(array).reshape(-1).view(np.uint8).data, begun)


def read_tensors(path: str | Path) -> tuple[Tensors, dict[str, str]]:
    """Return arrays and header of a safetensors file. A damaged file is refused by name."""
    from safetensors import SafetensorError
    from safetensors.numpy import load

    content = read_bytes(path)
    try:
        header, sums = _header(content)
        tensors = load(content)
        if sums is not None and tensors.keys() != sums.keys():
            raise ValueError("the names in it are others")
        _check_sums(tensors, sums)
        return tensors, header
    except (SafetensorError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is damaged: {error}. Delete it and run its job again.") from error


def read_some_tensors(path: str | Path, prefixes: tuple[str, ...]) -> Tensors:
    """Return the arrays whose names begin with one of `prefixes`. The others are not read.

    Raises:
        UserError: the file is missing or damaged.
    """
    from safetensors import SafetensorError, safe_open

    _, sums = _read_header(path)
    try:
        with safe_open(str(path), "numpy") as file:
            names = set(file.keys())
            if sums is not None and names != sums.keys():
                raise ValueError("the names in it are others")
            tensors = {name: file.get_tensor(name) for name in sorted(names) if name.startswith(prefixes)}
        _check_sums(tensors, sums)
        return tensors
    except (SafetensorError, ValueError, KeyError) as error:
        raise UserError(f"{path} is damaged: {error}. Delete it and run its job again.") from error


def read_header(path: str | Path) -> dict[str, str]:
    """Return the header of a safetensors file without reading arrays. A damaged file is refused by name."""
    return _read_header(path)[0]


def _read_header(path: str | Path) -> tuple[dict[str, str], dict[str, int] | None]:
    try:
        with Path(path).open("rb") as file:
            size = file.read(8)
            count = int.from_bytes(size, "little")
            if count > Path(path).stat().st_size - 8:
                raise ValueError(f"its header is to have {count} bytes, more than the file")
            return _header(size + file.read(count))
    except OSError:
        read_bytes(path)  # refuses it
        raise
    except (ValueError, KeyError, TypeError, OverflowError, MemoryError) as error:
        raise UserError(f"{path} is damaged: {error}. Delete it and run its job again.") from error


def numbers_of_state(path: str | Path) -> dict[str, Any]:
    """Return the entries of a saved state besides its tensors: `diverged`, `alarms`, `step` and so on."""
    numbers: dict[str, Any] = json.loads(read_header(path).get("state", "{}"))
    return numbers


def diverged(path: str | Path) -> str:
    """Return the sentence on how the run of a state diverged; "" if it did not."""
    said: str = numbers_of_state(path).get("diverged", "")
    return said


def _header(content: bytes) -> tuple[dict[str, str], dict[str, int] | None]:
    """Return the texts of a header, and the check sums of the arrays; None in files of early versions."""
    size = int.from_bytes(content[:8], "little")
    header: dict[str, Any] = json.loads(json.loads(content[8 : 8 + size])["__metadata__"]["jointnn"])
    of_texts, sums = header.pop(SUMS, (None, None))
    if of_texts not in (None, _sum(header)) or not all(isinstance(text, str) for text in header.values()):
        raise ValueError("its header was changed")
    return header, sums


def _check_sums(tensors: Tensors, sums: Mapping[str, int] | None) -> None:
    """Refuse arrays that are not those that were written."""
    for name, array in tensors.items():
        if sums is not None and _sum_of(array) != sums[name]:
            raise ValueError(f"the check sum of {name} differs")


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
