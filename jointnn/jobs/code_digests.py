"""Digests of the code that a stage runs: its module, all that it imports, and the entries it is named.

Read from the source without importing it, so that reading the workflow needs no torch. Comments, docstrings
and format do not count: an edit there reruns nothing.
"""

import ast
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.machinery import PathFinder
from pathlib import Path

from jointnn.errors import UserError
from jointnn.io.files import sha256
from jointnn.registry import nearest

PACKAGE = Path(__file__).parent
KINDS = {
    "architecture": "architectures",
    "trunk": "architectures",
    "augmentation": "augmentations",
    "dataset": "datasets",
    "figure": "figures",
    "task": "tasks",
}
GIVEN = {"classes", "channels", "size"}
"""Arguments of an architecture that are no options: what the experiment gives."""
Defined = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def code_digests(stage: str, entries: Iterable[tuple[str, str]] = ()) -> dict[str, str]:
    """Digest of every file that a stage may run, by its path in the project.

    Args:
        stage: its name, the module jointnn/stages/<stage>.py.
        entries: kind and name of registered entries that the job uses, ("architecture", "small_conv");
            one's own architecture, package.module:function, counts with all that it imports from the
            project's folder.
    """
    first = [PACKAGE / "stages" / f"{stage}.py", *(file_of(kind, name) for kind, name in entries)]
    root = Path.cwd()
    files = _closure(first, root)
    return {_shown(file, root): _digest(file, changed) for file, changed in sorted(files.items())}


@cache
def _shown(file: Path, root: Path) -> str:
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
    definitions = _tree(file_of("architecture", architecture)).body
    function = next(node for node in definitions if isinstance(node, Defined) and node.name == name)
    if isinstance(function, ast.ClassDef) or function.args.kwarg is not None:
        return None
    arguments = [*function.args.args, *function.args.kwonlyargs]
    return [argument.arg for argument in arguments if argument.arg not in GIVEN]


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
    defined = [node.name for node in _tree(Path(file)).body if isinstance(node, Defined)]
    if function not in defined:
        raise UserError(
            f"{Path(file).name} defines no {function!r} at its top level{nearest(function, defined)}"
        )
    return Path(file)


@cache
def _entries(file: Path, kind: str, _changed: int) -> tuple[str, ...]:
    """Names that a file registers as `kind`: those below a decorator of that name."""
    return tuple(
        node.name
        for node in _tree(file).body
        if isinstance(node, Defined)
        and any(_name_of(decorator) == kind for decorator in node.decorator_list)
    )


def _name_of(decorator: ast.expr) -> str | None:
    """kind, of @kind and of @kind(...)."""
    called = decorator.func if isinstance(decorator, ast.Call) else decorator
    return called.id if isinstance(called, ast.Name) else None


def _tree(file: Path) -> ast.Module:
    try:
        return ast.parse(file.read_text(encoding="utf-8"), filename=str(file))
    except SyntaxError as error:
        raise UserError(
            f"{_shown(file, Path.cwd())}, line {error.lineno}: {error.msg}. Mend it first."
        ) from error


def _closure(first: list[Path], root: Path) -> dict[Path, int]:
    """Files and every file of the project that they import, directly or not, with the times of change."""
    found, waiting = {}, first
    while waiting:
        current = waiting.pop()
        if current not in found:
            found[current] = current.stat().st_mtime_ns
            waiting += _imported(current, root, found[current])
    return found


@cache
def _imported(file: Path, root: Path, _changed: int) -> tuple[Path, ...]:
    """Files of this package and of the project's folder that one file imports, anywhere in it."""
    files: list[Path] = []
    for base, name in _names_imported(file):
        bases = (PACKAGE.parent, root) if base is None else (base,)
        for folder in bases:
            parts = name.split(".") if name else []
            # Importing a.b.c runs a/__init__.py and a/b/__init__.py, too.
            for depth in range(len(parts) + 1):
                place = folder.joinpath(*parts[:depth])
                files += [place / "__init__.py"] if depth or base else []
            files += [folder.joinpath(*parts).with_suffix(".py")] if parts else []
    return tuple(path for path in dict.fromkeys(files) if path.is_file())


def _names_imported(file: Path) -> Iterator[tuple[Path | None, str]]:
    """Dotted names that may be modules, each with the folder that a relative import begins at."""
    for node in ast.walk(_tree(file)):
        if isinstance(node, ast.Import):
            yield from ((None, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = file.parents[node.level - 1] if node.level else None
            module = [node.module] if node.module else []
            yield base, ".".join(module)
            yield from ((base, ".".join([*module, alias.name])) for alias in node.names)


@cache
def _digest(file: Path, _changed: int) -> str:
    """The digest of what a file does: its syntax tree, without docstrings."""
    tree = _WithoutTexts().visit(_tree(file))
    return sha256(ast.unparse(tree).encode())[:16]


class _WithoutTexts(ast.NodeTransformer):
    """Drops texts that stand alone: docstrings of modules, classes, functions and attributes."""

    def visit_Expr(self, node: ast.Expr) -> ast.Expr | None:
        is_text = isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
        return None if is_text else node
