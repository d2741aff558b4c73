"""Calls of jointnn in processes of their own, forked from one that has imported all: a tenth of the time.

A forked process is as real as one that was started: it is killed by SIGKILL, its disk can be full.
"""

import contextlib
import importlib
import mmap
import os
import pkgutil
import signal
import sys
import tempfile
import threading
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

CALLS = {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.chmod", "os.utime", "os.truncate"}
"""On files, as Python's audit hooks name them."""


class Ended(NamedTuple):
    """How a call ended: its exit code, -9 if it was killed, what it printed, seconds, calls on files."""

    code: int
    said: str
    seconds: float
    calls: int


def import_all(*modules: str) -> None:
    """Import every job and some modules more, and compute nothing: threads would not live on in a fork."""
    import torch

    from jointnn import stages
    from jointnn.models import architectures
    from jointnn.tasks import task

    torch.set_num_threads(1)
    for package in (stages, architectures):
        for module in pkgutil.iter_modules(package.__path__):
            if not module.ispkg:
                importlib.import_module(f"{package.__name__}.{module.name}")
    task.load()
    for name in modules:
        importlib.import_module(name)


def forked(
    arguments: Sequence[str],
    *,
    kill_after: float | None = None,
    kill_at: int | None = None,
    once: Path | None = None,
    rank: int | None = None,
) -> Ended:
    """Return how `python -m jointnn ARGUMENTS` ends in the present folder.

    Args:
        kill_after: seconds after which it is sent SIGKILL.
        kill_at: on which of its calls on files in the present folder it is killed, counted from 0.
        once: a file, from whose appearance on these seconds are counted.
        rank: of several processes that train, which one is sent it in its place, if it runs by then.
    """
    met = mmap.mmap(-1, 8)  # shared with the child
    with tempfile.TemporaryFile() as said:
        start = perf_counter()
        child = os.fork()
        if not child:
            _be_called(arguments, said.fileno(), met, kill_at)
        ended = threading.Event()
        if kill_after is not None:
            threading.Thread(target=_kill, args=(child, kill_after, once, rank, ended)).start()
        _, status = os.waitpid(child, 0)
        ended.set()
        seconds = perf_counter() - start
        said.seek(0)
        printed = said.read().decode("utf-8", "replace")
    return Ended(os.waitstatus_to_exitcode(status), printed, seconds, int.from_bytes(met[:8], "little"))


def _kill(call: int, seconds: float, once: Path | None, rank: int | None, ended: threading.Event) -> None:
    """Kill a call, or one of the processes that it has started, unless it ends before its time has come."""
    while once is not None and not once.exists():
        if ended.wait(0.001):
            return
    if ended.wait(seconds):
        return
    chosen = call
    for child in map(int, Path(f"/proc/{call}/task/{call}/children").read_text().split()):
        with contextlib.suppress(OSError):  # it has ended
            if f"RANK={rank}".encode() in Path(f"/proc/{child}/environ").read_bytes().split(b"\0"):
                chosen = child
    with contextlib.suppress(ProcessLookupError):
        os.kill(chosen, signal.SIGKILL)


def _be_called(arguments: Sequence[str], said: int, met: mmap.mmap, kill_at: int | None) -> None:
    """Be the process of a call, to its end."""
    try:
        os.dup2(said, 1)
        os.dup2(said, 2)
        sys.stdout, sys.stderr = (os.fdopen(stream, "w", closefd=False) for stream in (1, 2))
        here, count = f"{Path.cwd()}{os.sep}", 0

        def look(event: str, given: tuple[object, ...]) -> None:
            nonlocal count
            if event not in CALLS or not isinstance(given[0], str | bytes | os.PathLike):
                return
            if os.path.abspath(os.fsdecode(given[0])).startswith(here):  # noqa: PTH100  # Path asks too
                if count == kill_at:
                    os.kill(os.getpid(), signal.SIGKILL)
                count += 1
                met[:8] = count.to_bytes(8, "little")

        sys.addaudithook(look)
        from jointnn.__main__ import main

        code = main(arguments)
    except BaseException:
        import traceback

        traceback.print_exc()
        code = 70
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
