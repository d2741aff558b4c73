"""Reading the parameters: every mistake is one line with its file and its path in it, said once."""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from jointnn.errors import UserError
from jointnn.parameters.files import ParamFiles, read_files
from jointnn.parameters.messages import lines_of
from jointnn.parameters.schema import Params
from jointnn.parameters.validation import wrong_parameters

LONGEST = 300
"""Letters of a line."""


def read_params(root: str | Path = ".") -> Params:
    """Return the checked parameters of a project: params.yaml and the files in params/.

    Raises:
        UserError: with one line for each mistake found.
    """
    try:
        written = read_files(root)
    except UserError as error:
        raise _refusal([str(error)]) from error
    if written.lines:  # how files go together comes first: what they mean follows from it
        raise _refusal(written.lines)
    try:
        params = checked(written.raw)
    except _MistakesError as error:
        raise _refusal(_once(_own(error.lines, written), written)) from None
    return params


def checked(raw: dict[str, Any]) -> Params:
    """Return the checked parameters of one mapping.

    Raises:
        UserError: with one line for each mistake found.
    """
    try:
        params = Params.model_validate(raw)
        lines = list(wrong_parameters(params))
    except ValidationError as error:
        lines = list(lines_of(error, Params, raw))
    if lines:
        raise _MistakesError(lines)
    return params


class _MistakesError(UserError):
    """Lines about mistakes, each with its path in all parameters as one mapping."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.lines = list(dict.fromkeys(lines))
        super().__init__("\n".join(self.lines))


def _refusal(lines: Iterable[str]) -> UserError:
    return UserError("\n".join(map(_short, lines)))


def _short(line: str) -> str:
    """Return a line that a person can read.

    The middle of a long line is left out. Letters that cannot be seen, as a name can hold, are written
    \\u....
    """
    line = "".join(letter if letter.isprintable() else repr(letter)[1:-1] for letter in line)
    return line if len(line) <= LONGEST else f"{line[: LONGEST - 103]} ... {line[-95:]}"


def _own(lines: Iterable[str], written: ParamFiles) -> list[str]:
    """Return the lines without those about entries that an experiment only inherits."""
    every = dict.fromkeys(lines)
    heirs = {
        f"experiments.{name}": f"experiments.{parent}"
        for name in written.parts
        if (parent := written.parent_of(name))
    }

    def inherited(line: str) -> bool:
        at = ".".join(re.split(r"[.: ]", line, maxsplit=2)[:2])
        return at in heirs and line.replace(at, heirs[at], 1) in every

    return [line for line in every if not inherited(line)]


def _once(lines: Iterable[str], written: ParamFiles) -> Iterator[str]:
    """Yield lines with their files; what several files repeat is said of the first one."""
    places: dict[str, list[str]] = {}
    for line in map(written.placed, lines):
        file, _, said = line.partition(": ")
        places.setdefault(said, []).append(file)
    for said, files in places.items():
        first, *others = dict.fromkeys(files)
        yield f"{first}: {said}" + (f" (So in {_few(others)}.)" if others else "")


def _few(files: list[str]) -> str:
    names = [Path(file).stem for file in files]
    more = f" and {len(names) - 3} more" if len(names) > 3 else ""
    return ", ".join(names[:3]) + more
