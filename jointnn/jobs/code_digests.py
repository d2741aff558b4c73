"""Digests of the code that a stage runs: its module, all that it imports, and the entries it is named.

Read from the source without importing it, so that reading the workflow needs no torch. Comments, docstrings
and format do not count: an edit there reruns nothing.
"""

import ast
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

from jointnn.io.files import keep, kept, read_bytes, sha256
from jointnn.parameters import entries

KEPT = "work/code_digests"
"""Files of code that were read before."""
MOST_KEPT = 2000
"""Files of which more is not kept: then it begins anew."""


def code_digests(stage: str, used: Iterable[tuple[str, str]] = ()) -> dict[str, str]:
    """Return the digest of every file that a stage may run, by its path in the project.

    Args:
        stage: its name, the module jointnn/stages/<stage>.py.
        used: kind and name of registered entries that the job uses, ("architecture", "small_conv");
            one's own, package.module:name, counts with all that it imports from the project's folder.
    """
    named = [entries.file_of(kind, name) for kind, name in used]
    first = [entries.PACKAGE / "stages" / f"{stage}.py", *named]
    root = Path.cwd()
    files = files_run(first, root)
    found = {
        entries.relative(file, root): _memory(root).code_of(file, changed).digest
        for file, changed in sorted(files.items())
    }
    _memory(root).keep()
    return found


def files_run(first: list[Path], root: Path) -> dict[Path, int]:
    """Return some files and all files of the project that they import, with the times of change.

    A file that is imported by an imported file counts too.
    """
    found, waiting = {}, [*first]
    while waiting:
        current = waiting.pop()
        if current not in found:
            found[current] = current.stat().st_mtime_ns
            waiting += _imported(current, root, found[current])
    return found


@cache
def _imported(file: Path, root: Path, changed: int) -> tuple[Path, ...]:
    """Return the files of this package and of the project's folder that a file imports, anywhere in it."""
    files: list[Path] = []
    for level, name in _memory(root).code_of(file, changed).imports:
        base = file.parents[level - 1] if level else None  # where a relative import begins
        bases = (entries.PACKAGE.parent, root) if base is None else (base,)
        for folder in bases:
            parts = name.split(".") if name else []
            # Importing a.b.c runs a/__init__.py and a/b/__init__.py, too.
            for depth in range(len(parts) + 1):
                place = folder.joinpath(*parts[:depth])
                files += [place / "__init__.py"] if depth or base else []
            files += [folder.joinpath(*parts).with_suffix(".py")] if parts else []
    return tuple(path for path in dict.fromkeys(files) if path.is_file())


class _Code(NamedTuple):
    """A file of code as jobs know it: its digest, and the dotted names that it imports, which may be
    modules, each with the level of a relative import."""

    digest: str
    imports: list[tuple[int, str]]


class _Memory:
    """Files of code that were read, by the digest of their content: kept for the next process.

    Args:
        root: the project's folder.
    """

    def __init__(self, root: Path) -> None:
        self.place = root / KEPT
        # Another Python may write the same tree otherwise, and so may another version of this module.
        self.reader = [*sys.version_info[:2], sha256(Path(__file__).read_bytes())]
        before = kept(self.place)
        fits = isinstance(before, dict) and before.get("reader") == self.reader
        self.known: dict[str, Any] = before["code"] if fits and len(before["code"]) <= MOST_KEPT else {}
        self.read: dict[tuple[Path, int], _Code] = {}
        self.has_learned = False

    def code_of(self, file: Path, changed: int) -> _Code:
        """Return what is asked of a file, changed at that time. Docstrings do not count."""
        if (file, changed) not in self.read:
            content = sha256(read_bytes(file))
            if content not in self.known:
                tree = entries.parsed(file)
                imports = list(_imports_in(tree))  # before the tree is changed
                code = ast.unparse(_WithoutTexts().visit(tree))
                self.known[content] = [sha256(code.encode())[:16], imports]
                self.has_learned = True
            self.read[file, changed] = _Code(*self.known[content])
        return self.read[file, changed]

    def keep(self) -> None:
        """Write what was learned."""
        if self.has_learned:
            keep(self.place, {"reader": self.reader, "code": self.known})
            self.has_learned = False


@cache
def _memory(root: Path) -> _Memory:
    return _Memory(root)


def _imports_in(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((0, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = [node.module] if node.module else []
            yield node.level, ".".join(module)
            yield from ((node.level, ".".join([*module, alias.name])) for alias in node.names)


class _WithoutTexts(ast.NodeTransformer):
    """Drops texts that stand alone: docstrings of modules, classes, functions and attributes."""

    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
        is_text = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return None if is_text else node
