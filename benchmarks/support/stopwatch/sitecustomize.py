"""Where the CPU time of a job goes. Python imports this by itself where PYTHONPATH names its folder.

A process of `python -m jointnn` then does its work in a child of its own, and the parent writes what all of
it took: so the end of Python counts too. Other processes are left alone.
"""

import builtins
import importlib
import json
import os
import sys
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import process_time
from typing import Any, NoReturn

PHASES = {
    "reading": {
        "jointnn.io.files": "read_bytes read_table",
        "jointnn.io.tensors": "read_header read_tensors read_some_tensors",
        "jointnn.stages.build": "data_of",
    },
    "training": {"jointnn.training.updates": "proximal block_coordinate"},
    "measuring": {"jointnn.training.recorder": "record"},
    "writing": {
        "jointnn.io.files": "write_atomically write_table write_rows write_json",
        "jointnn.io.tensors": "write_tensors",
        "jointnn.training.checkpoints": "save",
    },
}
"""Which functions of ours do what. One that an older or newer program has not is passed over."""
TOLD = "JOINTNN_STOPWATCH"
"""The variable that names the folder in which times are written."""


class Stopwatch:
    """Seconds of CPU time by what a process is doing: what a phase calls of another one counts there."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._doing = ["start"]
        self._since = 0.0  # CPU time of the process so far

    @contextmanager
    def doing(self, phase: str) -> Iterator[None]:
        """Count what is done within it as this phase."""
        self._begin([*self._doing, phase])
        try:
            yield
        finally:
            self._begin(self._doing[:-1])

    def started(self) -> None:
        """Count what is none of the phases as the rest from now on."""
        self._begin(["rest", *self._doing[1:]])

    def stop(self) -> None:
        """Count what was done until now."""
        self._begin(self._doing)

    def _begin(self, doing: list[str]) -> None:
        now = process_time()
        self.seconds[self._doing[-1]] += now - self._since
        self._doing, self._since = doing, now


watch = Stopwatch()
importing = False


def timed_import(load: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function that imports, with its time. What an import imports is part of it."""

    def timed(*arguments: Any, **options: Any) -> Any:
        global importing  # noqa: PLW0603
        if importing:
            return load(*arguments, **options)
        importing = True
        try:
            with watch.doing("imports"):
                return load(*arguments, **options)
        finally:
            importing = False
            replace()

    return timed


def timed(phase: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return a function of ours, with its time."""

    def measured(*arguments: Any, **options: Any) -> Any:
        with watch.doing(phase):
            return function(*arguments, **options)

    return measured


waiting = {(phase, module): names for phase, of in PHASES.items() for module, names in of.items()}


def replace() -> None:
    """Put timed functions in the place of those of modules that have come, wherever these are known."""
    for phase, module in [key for key in waiting if key[1] in sys.modules]:
        for name in waiting.pop((phase, module)).split():
            function = getattr(sys.modules[module], name, None)
            if function is None:
                continue
            measured = timed(phase, function)
            for known in [of for key, of in sys.modules.items() if key.startswith("jointnn")]:
                for key, value in list(vars(known).items()):
                    if value is function:
                        setattr(known, key, measured)


def watch_job(folder: Path) -> None:
    """Fork: the child goes on, watched; the parent waits for it, and writes what it took."""
    before = process_time()
    if child := os.fork():
        _, status, used = os.wait4(child, 0)
        file = folder / f"{child}.json"
        seconds = json.loads(file.read_text()) if file.exists() else {}
        seconds["start"] = seconds.get("start", 0.0) + before
        total = before + used.ru_utime + used.ru_stime
        told = {"arguments": sys.orig_argv[3:], "total": total, "seconds": seconds}
        file.write_text(json.dumps(told))
        os._exit(os.waitstatus_to_exitcode(status) & 255)
    leave = os._exit

    def tell() -> None:
        watch.stop()
        (folder / f"{os.getpid()}.json").write_text(json.dumps(watch.seconds))

    def told_leave(status: int) -> NoReturn:
        tell()
        leave(status)

    import atexit

    atexit.register(tell)
    os._exit = told_leave
    watch.started()
    builtins.__import__ = timed_import(builtins.__import__)
    importlib.import_module = timed_import(importlib.import_module)


if sys.orig_argv[1:3] == ["-m", "jointnn"] and TOLD in os.environ:
    watch_job(Path(os.environ[TOLD]))
