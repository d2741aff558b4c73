"""Registered entries found by reading source, without importing it: the workflow must not import torch."""

import ast
import sys
from collections.abc import Mapping
from functools import cache
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

from jointnn.errors import UserError
from jointnn.registry import nearest

PACKAGE = Path(__file__).parents[1]


KINDS = {
    "architecture": "models/architectures",
    "trunk": "models/architectures",
    "augmentation": "data/augmentations",
    "dataset": "data/sources",
    "figure": "reporting/figures",
    "task": "tasks",
}


GIVEN = {"classes", "channels", "size"}
"""Arguments of an architecture that are no options: what the experiment gives."""


Defined = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@cache
def shown(file: Path, root: Path) -> str:
    """A file's name, the same on every machine."""
    for folder in (PACKAGE.parent, root):
        if file.is_relative_to(folder):
            return file.relative_to(folder).as_posix()
    return f"{file.parent.name}/{file.name}"


def file_of(kind: str, name: str) -> Path:
    """The file that defines a registered entry, or one's own architecture `package.module:function`.

    Raises:
        UserError: there is none; the nearest name, or all known ones, are given.
    """
    if kind == "architecture" and ":" in name:
        return _own_file(name)
    known = {}
    family = PACKAGE / KINDS[kind]
    for file in sorted(family.glob("*.py")) or [family.with_suffix(".py")]:
        for entry in _entries(file, kind, file.stat().st_mtime_ns):
            known[entry] = file
    if name not in known:
        raise UserError(f"no {kind} is named {name!r}{nearest(name, known)}")
    return known[name]


def options_of(architecture: str) -> list[str] | None:
    """The options that an architecture takes; None: any."""
    name = architecture.rpartition(":")[2]
    definitions = parsed(file_of("architecture", architecture)).body
    function = next(node for node in definitions if isinstance(node, Defined) and node.name == name)
    if isinstance(function, ast.ClassDef) or function.args.kwarg is not None:
        return None
    arguments = [*function.args.args, *function.args.kwonlyargs]
    return [argument.arg for argument in arguments if argument.arg not in GIVEN]


def declared(kind: str, name: str) -> Mapping[str, Any]:
    """Return what the decorator of an entry says about it: {"imagenet": True} of @trunk(imagenet=True)."""
    file = file_of(kind, name)
    return _entries(file, kind, file.stat().st_mtime_ns).get(name.rpartition(":")[2], {})


def _own_file(name: str) -> Path:
    """The file of package.module:function, found as an import from the project's root finds it.

    No package is imported for it, since that could import torch.
    """
    module, _, function = name.partition(":")
    folders, file = [str(Path.cwd()), *sys.path], None
    for part in module.split("."):
        spec = PathFinder.find_spec(part, folders) if part.isidentifier() else None
        file = spec and spec.origin
        folders = list(spec.submodule_search_locations or []) if spec else []
    if not file or not file.endswith(".py"):
        raise UserError(
            f"{name!r} has no module {module!r} that can be imported from the project's root; write "
            "package.module:function."
        )
    defined = [node.name for node in parsed(Path(file)).body if isinstance(node, Defined)]
    if function not in defined:
        raise UserError(
            f"{Path(file).name} defines no {function!r} at its top level{nearest(function, defined)}"
        )
    return Path(file)


@cache
def _entries(file: Path, kind: str, _changed: int) -> dict[str, dict[str, Any]]:
    """Return what a file registers as `kind`, below a decorator of that name, and what it says of each."""
    return {
        node.name: _facts_of(decorator)
        for node in parsed(file).body
        if isinstance(node, Defined)
        for decorator in node.decorator_list
        if _name_of(decorator) == kind
    }


def _name_of(decorator: ast.expr) -> str | None:
    """Return kind, of @kind and of @kind(...)."""
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return called.id if isinstance(called, ast.Name) else None


def _facts_of(decorator: ast.expr) -> dict[str, Any]:
    """Return the keywords of @kind(...)."""
    given = decorator.keywords if isinstance(decorator, ast.Call) else []
    return {keyword.arg: ast.literal_eval(keyword.value) for keyword in given if keyword.arg}


def parsed(file: Path) -> ast.Module:
    """Return the syntax tree of a file; a mistake in it is refused by its line."""
    try:
        return ast.parse(file.read_text(encoding="utf-8"), filename=str(file))
    except SyntaxError as error:
        raise UserError(
            f"{shown(file, Path.cwd())}, line {error.lineno}: {error.msg}. Mend it first."
        ) from error
