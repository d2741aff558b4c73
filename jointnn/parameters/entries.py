"""Entries, registered or one's own, found by reading source: the workflow must not import torch."""

import ast
import sys
from collections.abc import Mapping
from functools import cache
from importlib.machinery import PathFinder
from pathlib import Path
from typing import Any

from jointnn.errors import UserError
from jointnn.io.files import read_text
from jointnn.registry import is_own, nearest, short
from jointnn.tasks.measures import OURS

PACKAGE = Path(__file__).parents[1]


KINDS = {
    "architecture": "models/architectures",
    "trunk": "models/architectures",
    "augmentation": "data/augmentations",
    "dataset": "data/sources",
    "figure": "reporting/figures",
    "task": "tasks",
}


GIVEN = {"self", "classes", "channels", "size"}
"""Arguments that are no options: what the experiment gives an architecture."""


MEASURES, BASE = "jointnn.tasks.measures", "jointnn.tasks.base"
WITHOUT_MEASURES = {*sys.stdlib_module_names, "numpy", "torch", "torchvision"}
"""Packages from which a task imports no measures."""

Defined = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


@cache
def relative(file: Path, root: Path) -> str:
    """Return the name of a file, the same on every machine."""
    for folder in (PACKAGE.parent, root):
        if file.is_relative_to(folder):
            return file.relative_to(folder).as_posix()
    return f"{file.parent.name}/{file.name}"


def file_of(kind: str, name: str) -> Path:
    """Return the file that defines an entry of a kind: registered, or one's own, `package.module:name`.

    Raises:
        UserError: there is none; the nearest name, or all known ones, are given.
    """
    if is_own(name):
        return _own_file(name)
    known = {}
    family = PACKAGE / KINDS[kind]
    for file in sorted(family.glob("*.py")) or [family.with_suffix(".py")]:
        for entry in _entries(file, kind, file.stat().st_mtime_ns):
            known[entry] = file
    if name not in known:
        raise UserError(f"no {kind} is named {name!r}{nearest(name, known)}")
    return known[name]


def options_of(kind: str, name: str) -> list[str] | None:
    """Return the options of an architecture or a task; None where it takes any, or its base class tells."""
    definitions = parsed(file_of(kind, name)).body
    made = next(node for node in definitions if isinstance(node, Defined) and node.name == short(name))
    if isinstance(made, ast.ClassDef):
        inside = (node for node in made.body if isinstance(node, Defined) and node.name == "__init__")
        made = next(inside, made)
    if isinstance(made, ast.ClassDef) or made.args.kwarg is not None:
        return None
    arguments = [*made.args.args, *made.args.kwonlyargs]
    return [argument.arg for argument in arguments if argument.arg not in GIVEN]


def declared(kind: str, name: str) -> Mapping[str, Any]:
    """Return the keywords of an entry's decorator: {"imagenet": True} of @trunk(imagenet=True)."""
    file = file_of(kind, name)
    return _entries(file, kind, file.stat().st_mtime_ns).get(name.rpartition(":")[2], {})


def labels_of(task: str) -> str:
    """Return the kind of labels that a task learns, classes or numbers, if its class names it; else ""."""
    for made in parsed(file_of("task", task)).body:
        for said in made.body if isinstance(made, ast.ClassDef) and made.name == short(task) else ():
            if isinstance(said, ast.Assign) and ast.unparse(said.targets[0]) == "labels":
                return str(ast.literal_eval(said.value))
    return ""


def measures_of(task: str) -> set[str] | None:
    """Return the names of all measures that a task can give; None where its file alone does not tell.

    They are those that the file makes itself, and jointnn's own that it imports.
    """
    found = {"loss"}
    for node in ast.walk(parsed(file_of("task", task))):
        if isinstance(node, ast.Call) and _name_of(node) == "Measure":
            named = [*node.args[:1], *(given.value for given in node.keywords if given.arg == "name")]
            if not named or not isinstance(named[0], ast.Constant):
                return None
            found.add(str(named[0].value))
        elif isinstance(node, ast.Import | ast.ImportFrom):
            if (names := _measures_imported(node)) is None:
                return None
            found |= names
    return found


def _measures_imported(node: ast.Import | ast.ImportFrom) -> set[str] | None:
    """Return jointnn's measures that an import names; None where it may import others."""
    if isinstance(node, ast.Import):
        return set() if {alias.name.split(".")[0] for alias in node.names} <= WITHOUT_MEASURES else None
    names, module = (
        {alias.name: alias.asname for alias in node.names},
        "." * node.level + (node.module or ""),
    )
    if module == MEASURES:
        known = {*(name.upper() for name in OURS), "Measure", "HIGHEST", "LOWEST"}
        return (
            None if set(names) - known or any(names.values()) else {n.lower() for n in names} & OURS.keys()
        )
    ours = module.startswith("jointnn.") and not module.startswith("jointnn.tasks.")
    harmless = ours or module in ("jointnn.tasks", BASE) or module.split(".")[0] in WITHOUT_MEASURES
    return set() if harmless and "measures" not in names else None


def _own_file(name: str) -> Path:
    """Return the file of package.module:name, found as an import from the project's root would find it.

    No package is imported for it, since that could import torch.
    """
    module, _, entry = name.partition(":")
    folders, file = [str(Path.cwd()), *sys.path], None
    for part in module.split("."):
        spec = PathFinder.find_spec(part, folders) if part.isidentifier() else None
        file = spec and spec.origin
        folders = list(spec.submodule_search_locations or []) if spec else []
    if not file or not file.endswith(".py"):
        raise UserError(
            f"{name!r} has no module {module!r} that can be imported from the project's root; write "
            "package.module:name."
        )
    defined = [node.name for node in parsed(Path(file)).body if isinstance(node, Defined)]
    if entry not in defined:
        raise UserError(f"{Path(file).name} defines no {entry!r} at its top level{nearest(entry, defined)}")
    return Path(file)


@cache
def _entries(file: Path, kind: str, _changed: int) -> dict[str, dict[str, Any]]:
    """Return the entries that a file registers as `kind`, each with the keywords of its decorator."""
    return {
        node.name: _facts_of(decorator)
        for node in parsed(file).body
        if isinstance(node, Defined)
        for decorator in node.decorator_list
        if _name_of(decorator) == kind
    }


def _name_of(decorator: ast.expr) -> str | None:
    """Return the name of a decorator: kind, of @kind and of @kind(...)."""
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return called.id if isinstance(called, ast.Name) else None


def _facts_of(decorator: ast.expr) -> dict[str, Any]:
    """Return the keywords of @kind(...)."""
    given = decorator.keywords if isinstance(decorator, ast.Call) else []
    return {keyword.arg: ast.literal_eval(keyword.value) for keyword in given if keyword.arg}


def parsed(file: Path) -> ast.Module:
    """Return the syntax tree of a file. Refuse a mistake in it, by its line."""
    try:
        return ast.parse(read_text(file), filename=str(file))
    except SyntaxError as error:
        raise UserError(
            f"{relative(file, Path.cwd())}, line {error.lineno}: {error.msg}. Mend it first."
        ) from error
    except ValueError as error:  # a NUL
        raise UserError(f"{relative(file, Path.cwd())}: {error}. Mend it first.") from error
