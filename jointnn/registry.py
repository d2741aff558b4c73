"""Named functions of one kind: architectures, datasets, tasks, methods, figures."""

import difflib
import importlib
import pkgutil
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from jointnn.errors import UserError

SHOWN = 160
"""Letters of known names that a sentence lists."""
Entry = TypeVar("Entry", bound=Callable[..., Any])


class Registry(dict[str, Callable[..., Any]]):
    """Named entries of one kind. Used as a decorator, it adds an entry under its own name.

    One's own entries need no decorator: `package.module:name` is imported from the project's root.

    Args:
        kind: the kind of its entries, for messages: "architecture".
        package: the package whose modules define the entries. They are imported when a name is first
            asked for, so that naming an entry costs nothing until it is used. None: all entries stand
            in the registry's own module.
    """

    def __init__(self, kind: str, package: str | None = None) -> None:
        super().__init__()
        self.kind = kind
        self.package = package

    def __call__(self, entry: Entry) -> Entry:
        if entry.__name__ in self:
            raise ValueError(f"Two {self.kind}s are named {entry.__name__!r}.")
        self[entry.__name__] = entry
        return entry

    def __missing__(self, name: str) -> Callable[..., Any]:
        if is_own(name):
            return self._imported(name)
        self.load()
        return self[name] if name in self else self._refuse(name)

    def load(self) -> "Registry":
        """Import every module of the package, so that all entries are known."""
        if self.package is None:
            return self
        package = importlib.import_module(self.package)
        for module in pkgutil.iter_modules(package.__path__):
            importlib.import_module(f"{self.package}.{module.name}")
        return self

    def _imported(self, name: str) -> Callable[..., Any]:
        """Import one's own entry; that there is one was looked at when parameters were read."""
        module, _, entry = name.partition(":")
        # `python -m jointnn` has the project's root on its path, the script `jointnn` has not.
        if not {"", str(Path.cwd())} & set(sys.path):
            sys.path.insert(0, str(Path.cwd()))
        found: Callable[..., Any] = getattr(importlib.import_module(module), entry)
        return found

    def _refuse(self, name: str) -> NoReturn:
        raise UserError(f"No {self.kind} is named {name!r}{nearest(name, self)}")


def is_own(name: str) -> bool:
    """Return whether a name is that of a user's own entry, package.module:name."""
    return ":" in name


def short(name: str) -> str:
    """Return the short name of an entry, for files named after it: `scatter` of `my_figures:scatter`."""
    return name.rpartition(":")[2]


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the end of a sentence that refuses `name`: the closest known name, or some known names."""
    names = sorted(known)
    if close := difflib.get_close_matches(name, names, n=1):
        return f"; did you mean {close[0]!r}?"
    if not names:
        return "."
    shown = names[
        : next((k for k in range(len(names)) if len(", ".join(names[: k + 1])) > SHOWN), len(names))
    ]
    more = f" and {len(names) - len(shown)} more" if len(shown) < len(names) else ""
    return f". Known: {', '.join(shown)}{more}."
