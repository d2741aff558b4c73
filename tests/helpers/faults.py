"""Calls of the system that are refused, one at a time: the real call is made, and does not get through."""

import errno
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

WATCHED = {
    *("open", "os.listdir", "os.scandir", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "os.chmod"),
    *("os.utime", "os.truncate", "os.link", "os.symlink", "sqlite3.connect"),
}
"""Events of Python that come before it asks the system for a file."""


class Refusals:
    """Refuses the k-th call on a file below the present folder, as Python's audit hook may."""

    def __init__(self) -> None:
        self.folder: str | None = None
        self.after, self.met = 0, 0
        self.error = errno.EACCES
        self.path = ""
        sys.addaudithook(self._look)

    def _look(self, event: str, arguments: tuple[object, ...]) -> None:
        if (
            self.folder is None
            or event not in WATCHED
            or not isinstance(arguments[0], str | bytes | os.PathLike)
        ):
            return
        path = os.path.abspath(os.fsdecode(arguments[0]))  # noqa: PTH100  # Path would be watched too
        if not path.startswith(self.folder) or self.path:
            return
        self.met += 1
        if self.met > self.after:
            self.path = os.fsdecode(arguments[0])
            raise OSError(self.error, os.strerror(self.error), self.path)

    @contextmanager
    def refusing(self, after: int, error: int) -> Iterator["Refusals"]:
        """Within it, the call after so many is refused; `path` says which, empty if there were fewer."""
        self.after, self.met, self.path, self.error = after, 0, "", error
        self.folder = f"{Path.cwd()}{os.sep}"
        try:
            yield self
        finally:
            self.folder = None


_REFUSALS: list[Refusals] = []


def each_refused(
    call: Callable[[], object], error: int = errno.EACCES, most: int = 1000
) -> Iterator[tuple[str, object]]:
    """Yield (path, what `call` returned) for each call of the system in turn, until none is left."""
    if not _REFUSALS:
        _REFUSALS.append(Refusals())  # a hook stays for good
    for after in range(most):
        with _REFUSALS[0].refusing(after, error) as refusals:
            returned = call()
        if not refusals.path:
            return
        yield refusals.path, returned
