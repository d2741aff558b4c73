"""Ctrl-C before the first job, and what to type to go on. Imported before all else."""

import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType


def command_again(arguments: Sequence[str]) -> str:
    """Return the command to go on: the same command, or the one that called it."""
    if stage := os.environ.get("DVC_STAGE"):
        return f"dvc repro {stage}"
    program, *rest = arguments
    if os.environ.get("MAKELEVEL") and not rest:
        return "make"
    path = Path(program)
    if shutil.which(path.name) == program:
        program = path.name
    elif path.is_absolute() and path.is_relative_to(Path.cwd()):
        program = str(path.relative_to(Path.cwd()))
    return shlex.join([program, *rest])


def say_interrupt(again: str) -> None:
    """End with one line, and no traceback, where Ctrl-C comes before the first job."""
    usual = sys.excepthook

    def hook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            print(f"Interrupted before any job had begun. To go on: {again}", file=sys.stderr)  # noqa: T201
        else:
            usual(kind, error, trace)

    sys.excepthook = hook
