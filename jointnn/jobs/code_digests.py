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

KEPT = f"work/code_digests_{sys.version_info.major}_{sys.version_info.minor}"
"""Files of code that were read before: another Python may write the same tree otherwise."""
MOST_KEPT = 2000
"""Files of which more is not kept: then it begins anew."""
_LEARNED: set[str] = set()


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
        entries.relative(file, root): _digest(file, changed) for file, changed in sorted(files.items())
    }
    _keep()
    return found


def files_run(first: list[Path], root: Path) -> dict[Path, int]:
    """Return some files and all files of the project that they import, with the times of change.

    A file that is imported by an imported file counts too.
    """
    found, waiting = {}, first
    while waiting:
        current = waiting.pop()
        if current not in found:
            found[current] = current.stat().st_mtime_ns
            waiting += _imported(current, root, found[current])
    return found


@cache
def _imported(file: Path, root: Path, _changed: int) -> tuple[Path, ...]:
    """Return the files of this package and of the project's folder that a file imports, anywhere in it."""
    files: list[Path] = []
    for base, name in _names_imported(file):
        bases = (entries.PACKAGE.parent, root) if base is None else (base,)
        for folder in bases:
            parts = name.split(".") if name else []
            # Importing a.b.c runs a/__init__.py and a/b/__init__.py, too.
            for depth in range(len(parts) + 1):
                place = folder.joinpath(*parts[:depth])
                files += [place / "__init__.py"] if depth or base else []
            files += [folder.joinpath(*parts).with_suffix(".py")] if parts else []
    return tuple(path for path in dict.fromkeys(files) if path.is_file())


def _names_imported(file: Path) -> Iterator[tuple[Path | None, str]]:
    """Yield dotted names that may be modules, each with the folder that a relative import begins at."""
    for level, name in _read(file).imports:
        yield (file.parents[level - 1] if level else None), name


@cache
def _digest(file: Path, _changed: int) -> str:
    """Return the digest of a file's code: of its syntax tree, without docstrings."""
    return _read(file).digest


class _Read(NamedTuple):
    """The digest of a file's code, and the names that it imports, each with the level of the import."""

    digest: str
    imports: list[tuple[int, str]]


def _read(file: Path) -> _Read:
    """Return what is asked of a file. What was read once is kept by the digest of its content."""
    content = sha256(read_bytes(file))
    known = _kept_before()
    if content not in known:
        tree = entries.parsed(file)
        imports = list(_imports_in(tree))  # before the tree is changed
        code = ast.unparse(_WithoutTexts().visit(tree))
        known[content] = [sha256(code.encode())[:16], imports]
        _LEARNED.add(content)
    digest, found = known[content]
    return _Read(digest, found)


def _imports_in(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((0, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = [node.module] if node.module else []
            yield node.level, ".".join(module)
            yield from ((node.level, ".".join([*module, alias.name])) for alias in node.names)


@cache
def _kept_before() -> dict[str, Any]:
    """Return what was kept, to which this process adds."""
    before = kept(KEPT)
    return before if isinstance(before, dict) and len(before) <= MOST_KEPT else {}


def _keep() -> None:
    """Keep what this process has learned."""
    if _LEARNED:
        _LEARNED.clear()
        keep(KEPT, _kept_before())


class _WithoutTexts(ast.NodeTransformer):
    """Drops texts that stand alone: docstrings of modules, classes, functions and attributes."""

    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
        is_text = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return None if is_text else node
