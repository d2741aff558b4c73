"""The architecture: who may import whom, what stays free of torch, that everything is explained."""

import ast
import importlib
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from helpers.params import PROJECT

EVERYONE = "__init__ errors registry schema"
"""The modules at the top that any module may import."""
MAY_IMPORT = {
    "io": "",
    "irls": "",
    "methods": "",
    "ranks": "",
    "data": "io",
    "models": "io",
    "tasks": "data models",
    "training": "io irls methods data models tasks ranks",
    "parameters": "io methods data tasks.measures",
    "jobs": "io methods data parameters jobs.specs",
    "jobs.specs": "io",
    "terminal": "jobs",
    "reporting": "io irls.groups irls.told_apart methods data.schema data.left_out tasks.measures "
    "parameters",
    "stages": "io irls methods data models tasks training reporting ranks jobs.specs",
    "stages.tools": "io data methods models tasks training parameters jobs reporting terminal stages",
    "__main__": "io stages ranks.launch jobs.specs",
}
"""Packages and modules that each package may import, besides itself and those open to everyone."""
TORCH_FREE = (
    "io methods parameters jobs terminal reporting tasks.measures data.schema irls.groups irls.told_apart "
    "irls.tying"
)
"""Packages and modules that must not import torch, so that the workflow is read without it."""

ONLY_IN = {
    "pandas": r"reporting/|io/files|stages/",
    "mlflow": r"reporting/tracking/",
    "snakemake": r"(?!)",
    "dvc": r"(?!)",
    "torchvision": r"data/|models/architectures/",
    "torchmetrics": r"tasks/image_fidelity",
    "matplotlib": r"reporting/figures/",
    "jinja2": r"reporting/pages/",
    "markdown": r"reporting/pages/",
    "pydantic": r"schema|parameters/|methods/settings|data/schema|jobs/|reporting/pages/claims_schema",
}
"""Third-party packages that only some files may import, as patterns of their paths in jointnn/."""

MODULES = sorted((PROJECT / "jointnn").rglob("*.py"))


def shown(file: Path) -> str:
    return file.relative_to(PROJECT).as_posix()


@cache
def tree_of(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


@cache
def imports_of(file: Path) -> frozenset[str]:
    """Dotted names of the modules that a file imports, anywhere in it, for types alone included."""
    return frozenset(_imports_of(file))


def _imports_of(file: Path) -> Iterator[str]:
    for node in ast.walk(tree_of(file)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{shown(file)}, line {node.lineno}: write imports in full"
            assert node.module is not None
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                place = PROJECT.joinpath(*whole.split("."))
                yield whole if place.is_dir() or place.with_suffix(".py").is_file() else node.module


def name_of(file: Path) -> str:
    """Its dotted name within the package: irls.rounds; a package is its __init__."""
    parts = file.relative_to(PROJECT / "jointnn").with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)


def lies_in(name: str, places: str) -> bool:
    return any(name == place or name.startswith(f"{place}.") for place in places.split())


def package_of(name: str) -> str:
    """The entry of the table that a module belongs to, the longest that fits."""
    return max((entry for entry in MAY_IMPORT if lies_in(name, entry)), key=len, default="")


@cache
def own_imports(file: Path) -> frozenset[str]:
    """Modules of jointnn that a file imports, by their names within the package."""
    ours = (name for name in imports_of(file) if name.split(".")[0] == "jointnn")
    return frozenset(name.partition(".")[2] or "__init__" for name in ours)


@pytest.mark.slow
@pytest.mark.parametrize("file", MODULES, ids=shown)
def test_a_module_imports_what_the_table_lets_it(file):
    own = package_of(name_of(file))
    for name in own_imports(file):
        there = package_of(name)
        if not own or not there:  # at the top
            assert lies_in(name, EVERYONE), f"{shown(file)} imports {name}"
        elif there != own:
            assert lies_in(name, MAY_IMPORT[own]), f"{shown(file)} imports {name}"


def test_the_table_names_every_package():
    tops = {name_of(file).split(".")[0] for file in MODULES}
    assert tops == {entry for entry in MAY_IMPORT if "." not in entry} | set(EVERYONE.split())


@pytest.mark.slow
def test_no_modules_import_each_other_in_a_circle():
    graph = {name_of(file): own_imports(file) - {name_of(file)} for file in MODULES}
    order: dict[str, bool] = {}

    def visit(name: str, above: tuple[str, ...]) -> None:
        assert name not in above, " -> ".join([*above[above.index(name) :], name])
        if name not in order:
            for other in sorted(graph.get(name, ())):
                visit(other, (*above, name))
            order[name] = True

    for name in graph:
        visit(name, ())


@pytest.mark.slow
@pytest.mark.parametrize("package", ONLY_IN)
def test_a_library_is_imported_only_where_it_may_be(package):
    for file in MODULES:
        place = file.relative_to(PROJECT / "jointnn").with_suffix("").as_posix()
        if package in {name.split(".")[0] for name in imports_of(file)}:
            assert re.match(f"({ONLY_IN[package]})($|(?<=/))", place), f"{place} imports {package}"


@pytest.mark.parametrize("file", MODULES, ids=shown)
def test_what_the_workflow_reads_is_free_of_torch(file):
    if lies_in(name_of(file), TORCH_FREE):
        assert "torch" not in {name.split(".")[0] for name in imports_of(file)}


@pytest.mark.parametrize("name", ["consistency", "solvers"])
def test_the_files_for_a_reader_of_the_paper_import_torch_and_what_many_networks_need(name):
    found = imports_of(PROJECT / f"jointnn/irls/{name}.py")
    others = {module for module in found if module.split(".")[0] not in sys.stdlib_module_names}
    assert others == {"torch", "jointnn.irls.many_networks"}


def undocumented(nodes: list[ast.stmt], above: str = "") -> Iterator[str]:
    """Public functions and classes without a docstring; methods of one statement explain themselves."""
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            if node.name.startswith("_") or (above and len(node.body) == 1):
                continue
            if ast.get_docstring(node) is None:
                yield f"{above}{node.name}"
            if isinstance(node, ast.ClassDef):
                yield from undocumented(node.body, f"{node.name}.")


@pytest.mark.parametrize("file", MODULES, ids=shown)
def test_what_is_public_is_explained(file):
    tree = tree_of(file)
    assert ast.get_docstring(tree), f"{shown(file)} says nothing of itself"
    assert list(undocumented(tree.body)) == []


@pytest.mark.parametrize(
    ("module", "kind"),
    [
        ("jointnn.models.architectures", "architecture"),
        ("jointnn.data.augmentations", "augmentation"),
        ("jointnn.data.sources", "dataset"),
        ("jointnn.data.mirror", "folder"),
        ("jointnn.tasks", "task"),
        ("jointnn.reporting.figures", "figure"),
        ("jointnn.methods.catalogue", "method"),
    ],
)
def test_every_registered_name_is_explained_and_is_spelled_as_in_params(module, kind):
    registry = getattr(importlib.import_module(module), kind).load()
    assert registry
    for name, entry in registry.items():
        assert (entry.__doc__ or "").strip(), name
        assert re.fullmatch("[a-z][a-z0-9_]*", name), name


def test_every_departure_of_the_method_has_tests():
    text = (PROJECT / "docs" / "method.md").read_text(encoding="utf-8")
    section = text.split("## Departures from the paper")[1].split("\n## ")[0]
    told = re.findall(r"^### (\d)\. ", section, flags=re.MULTILINE)
    tests = "".join(file.read_text(encoding="utf-8") for file in (PROJECT / "tests").rglob("test_*.py"))
    assert told == sorted(set(re.findall(r"mark\.departure\(number=(\d)\)", tests))) == list("1234567")
