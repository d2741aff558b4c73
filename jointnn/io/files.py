"""Every file format of the pipeline: where files lie, how they are written, how they are checked.

A write is atomic: a temporary file beside the target, fsync, rename. So a kill or a full disk leaves
the old file or none, never half of one.
"""

import csv
import hashlib
import io
import json
import os
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jointnn.errors import UnwrittenError, UserError, reason_of, remedy_of, shown, unreadable

if TYPE_CHECKING:
    import pandas as pd


def _umask() -> int:
    """Return the permissions that new files do not get. Only setting them tells what they are."""
    mask = os.umask(0)
    os.umask(mask)
    return mask


UMASK = _umask()


def set_times(path: str | Path, then: float | None) -> None:
    """Set the times of a file, or to now.

    Only its owner may set other times than now. In a folder that several people share, a file of someone
    else's is written anew, with the same content.

    Args:
        then: seconds since 1970; None: now.

    Raises:
        UserError: the folder cannot be written.
    """
    times = None if then is None else (then, then)
    try:
        os.utime(path, times)
    except PermissionError:
        write_atomically(path, read_bytes(path))
        os.utime(path, times)


def write_atomically(path: str | Path, content: bytes) -> None:
    """Write `content` to `path`: whole or not at all.

    Raises:
        UnwrittenError: the disk is full or the folder cannot be written.
    """
    path = Path(path)
    temporary: str | None = None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        Path(temporary).chmod(0o666 & ~UMASK)
        Path(temporary).replace(path)
    except OSError as error:
        raise UnwrittenError(
            f"{path} could not be written: {reason_of(error)}. Nothing was left half written. "
            f"{remedy_of(error)}."
        ) from error
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)


def read_bytes(path: str | Path) -> bytes:
    """Return the content of `path`. A missing file is refused by name."""
    try:
        return Path(path).read_bytes()
    except FileNotFoundError as error:
        raise UserError(
            f"{path} could not be read: {error.strerror}. Run the job that makes it: snakemake {path}"
        ) from error
    except OSError as error:
        raise unreadable(path, error) from error


def read_text(path: str | Path) -> str:
    """Return the text in `path`, in UTF-8 whatever the locale is. A file that is not UTF-8 is refused."""
    try:
        return Path(path).read_text(encoding="utf-8")
    except OSError as error:
        raise unreadable(path, error) from error
    except UnicodeDecodeError as error:
        raise UserError(
            f"{shown(path)} is no text in UTF-8: {error.reason} at byte {error.start}. Save it as UTF-8."
        ) from error


def to_json(value: Any) -> str:
    """Return a value as JSON. Equal values give equal text: sorted keys, one spelling of a number."""
    return json.dumps(value, sort_keys=True, indent=1, ensure_ascii=False) + "\n"


SEAL = "digest_of_the_rest"
"""The entry of JSON that tells whether another one was changed."""


def write_json(path: str | Path, value: Any, *, seal: bool = False) -> None:
    """Write a value as JSON, atomically.

    Args:
        seal: see `sealed`.
    """
    write_atomically(path, (sealed(value) if seal else to_json(value)).encode())


def sealed(value: dict[str, Any]) -> str:
    """Return a mapping as JSON with a seal, the digest of its other entries; `read_json` takes it away."""
    return to_json(value | {SEAL: digest(value)})


def unsealed(value: Any) -> Any:
    """Return a sealed mapping without its seal, or any other value as it is.

    Raises:
        ValueError: an entry was changed after it was written.
    """
    if not isinstance(value, dict) or SEAL not in value:
        return value
    found = {key: entry for key, entry in value.items() if key != SEAL}
    if value[SEAL] != digest(found):
        raise ValueError("an entry was changed after it was written")
    return found


def read_json(path: str | Path, *keys: str) -> Any:
    """Read JSON; a damaged file is refused by name.

    Args:
        keys: entries that it must have; it is a mapping then.
    """
    try:
        value = unsealed(json.loads(read_bytes(path)))
        if keys and not (isinstance(value, dict) and set(keys) <= value.keys()):
            raise ValueError(f"it lacks {', '.join(key for key in keys if key not in (value or ()))}")
        return value
    except (TypeError, ValueError) as error:
        raise UserError(f"{path} is damaged: {error}. Delete it and run its job again.") from error


def keep(path: str | Path, value: Any) -> None:
    """Write a value that only saves time, atomically: its SHA-256 in a line, then the value as JSON."""
    content = json.dumps(value).encode()
    write_atomically(path, f"{sha256(content)}\n".encode() + content)


def kept(path: str | Path) -> Any:
    """Return the value that `keep` wrote; None where the file is missing or a byte has changed."""
    try:
        said, _, content = Path(path).read_bytes().partition(b"\n")
        return json.loads(content) if sha256(content).encode() == said else None
    except (OSError, ValueError):
        return None


def write_table(path: str | Path, table: "pd.DataFrame") -> None:
    """Write a table as CSV, atomically. Floats keep every digit, so that reading gives them back."""
    write_atomically(path, table.to_csv(index=False, lineterminator="\n").encode())


def write_rows(path: str | Path, columns: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """Write rows as CSV, atomically, with the very bytes that `write_table` gives, and without pandas.

    Floats keep every digit; one that is no number is left empty.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([None if value != value else value for value in row] for row in rows)  # noqa: PLR0124
    write_atomically(path, text.getvalue().encode())


def read_table(path: str | Path, *columns: str) -> "pd.DataFrame":
    """Read a CSV table; a damaged or missing file is refused by name.

    Args:
        columns: those that it must have.
    """
    import pandas as pd

    content = read_bytes(path)
    try:
        if not content.endswith(b"\n") or b"\0" in content:
            raise ValueError("it ends within a line" if content else "it is empty")
        table = pd.read_csv(io.BytesIO(content))
        if missing := [name for name in columns if name not in table.columns]:
            raise ValueError(f"it has no column {', '.join(missing)}")
        if b'"' not in content and len({line.count(b",") for line in content.splitlines()}) > 1:
            raise ValueError("its lines have different numbers of columns")
        return table
    except ValueError as error:
        raise UserError(f"{path} is damaged: {error}. Delete it and run its job again.") from error


def sha256(content: bytes) -> str:
    """Return the SHA-256 of bytes, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def sha256_of_file(path: str | Path) -> str:
    """Return the SHA-256 of a file's content, in hexadecimal. Large files are read in pieces."""
    with Path(path).open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def digest(value: Any) -> str:
    """Return a short digest of a value: the first 16 digits of the SHA-256 of its JSON."""
    return sha256(to_json(value).encode())[:16]
