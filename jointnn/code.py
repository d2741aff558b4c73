"""Digests of the code that a stage runs: its module, all that it imports, and the entries it is named.

Read from the source without importing it, so that reading the workflow needs no torch. Comments, docstrings
and format do not count: an edit there reruns nothing.
"""

import ast
import importlib.util
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path

from jointnn.errors import UserError
from jointnn.files import sha256

PACKAGE = Path(__file__).parent
KINDS = {
    "architecture": "architectures",
    "dataset": "datasets",
    "figure": "figures",
    "task": "tasks",
}


def code_digests(stage: str, entries: Iterable[tuple[str, str]] = ()) -> dict[str, str]:
    """Digest of every file that a stage may run, by its path in the project.

    Args:
        stage: its name, the module jointnn/stages/<stage>.py.
        entries: kind and name of registered entries that the job uses, ("architecture", "small_conv");
            one's own architecture, package.module:function, counts with its file alone.
    """
    files = set(_closure(PACKAGE / "stages" / f"{stage}.py"))
    for kind, name in entries:
        files |= set(_closure(file_of(kind, name)))
    return {_shown(file): _digest(file, file.stat().st_mtime_ns) for file in sorted(files)}


def _shown(file: Path) -> str:
    root = PACKAGE.parent
    return str(file.relative_to(root)) if file.is_relative_to(root) else file.name


@lru_cache
def file_of(kind: str, name: str) -> Path:
    """The file that defines a registered entry, or one's own function `package.module:function`.

    Raises:
        UserError: there is none; the known names are listed.
    """
    if ":" in name:
        return _own_file(kind, name)
    known = {}
    for file in sorted((PACKAGE / KINDS[kind]).glob("*.py")):
        for entry in _entries(file, kind, file.stat().st_mtime_ns):
            known[entry] = file
    if name not in known:
        raise UserError(f"no {kind} is named {name!r}. Known: {', '.join(sorted(known))}.")
    return known[name]


def _own_file(kind: str, name: str) -> Path:
    module, _, function = name.partition(":")
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):
        spec = None
    if spec is None or spec.origin is None:
        raise UserError(
            f"the {kind} {name!r} has no module {module!r} that can be imported from the project's root."
        )
    file = Path(spec.origin)
    defined = [node.name for node in _tree(file).body if isinstance(node, ast.FunctionDef | ast.ClassDef)]
    if function not in defined:
        raise UserError(f"the {kind} {name!r}: {file.name} defines no {function!r} at its top level.")
    return file


@lru_cache
def _entries(file: Path, kind: str, _changed: int) -> tuple[str, ...]:
    """Names that a file registers as `kind`: those below a decorator of that name."""
    return tuple(
        node.name
        for node in _tree(file).body
        if isinstance(node, ast.FunctionDef | ast.ClassDef)
        and any(isinstance(d, ast.Name) and d.id == kind for d in node.decorator_list)
    )


def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"), filename=str(file))


@lru_cache
def _closure(file: Path) -> frozenset[Path]:
    """A file and every file of this package that it imports, directly or not."""
    found, waiting = set(), [file]
    while waiting:
        current = waiting.pop()
        if current not in found:
            found.add(current)
            waiting += _imported(current, current.stat().st_mtime_ns)
    return frozenset(found)


@lru_cache
def _imported(file: Path, _changed: int) -> tuple[Path, ...]:
    """Files of this package that one file imports, anywhere in it."""
    names: list[str] = []
    for node in ast.walk(_tree(file)):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    files = []
    for name in names:
        parts = name.split(".")
        if parts[0] == PACKAGE.name:
            path = PACKAGE.joinpath(*parts[1:])
            files += [file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()]
    return tuple(files)


@lru_cache
def _digest(file: Path, _changed: int) -> str:
    """The digest of what a file does: its syntax tree, without docstrings."""
    tree = _tree(file)
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef) and _is_text(node.body[:1]):
            node.body = node.body[1:] or [ast.Pass()]
    return sha256(ast.unparse(tree).encode())[:16]


def _is_text(body: list[ast.stmt]) -> bool:
    return (
        bool(body)
        and isinstance(body[0], ast.Expr)
        and isinstance(body[0].value, ast.Constant)
        and isinstance(body[0].value.value, str)
    )
