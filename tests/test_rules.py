"""The rules of the architecture: who imports whom, and that everything is explained."""

import ast
import importlib
import re
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
from params_helpers import PROJECT

LAYERS = """
    jointnn.__init__
    jointnn.errors
    jointnn.registry
    jointnn.allocator jointnn.paths
    jointnn.files jointnn.images jointnn.measures jointnn.mirrored jointnn.yaml_files
    jointnn.written
    jointnn.consistency jointnn.solvers jointnn.groups jointnn.adversaries
    jointnn.datasets jointnn.misfits jointnn.strict
    jointnn.method_params
    jointnn.params
    jointnn.code jointnn.search jointnn.seen jointnn.methods jointnn.messages
    jointnn.schedule jointnn.settings jointnn.sweep_mistakes
    jointnn.parts
    jointnn.jae
    jointnn.mistakes
    jointnn.reading
    jointnn.identity
    jointnn.image_jobs
    jointnn.training_jobs
    jointnn.jobs
    jointnn.freshness jointnn.stale
    jointnn.data jointnn.optimisers jointnn.rounds
    jointnn.networks
    jointnn.architectures jointnn.augmentations
    jointnn.generation
    jointnn.tasks
    jointnn.precision jointnn.recompute jointnn.waiting
    jointnn.gradients jointnn.descent
    jointnn.training
    jointnn.phases
    jointnn.phase_state
    jointnn.checkpoints jointnn.experiment jointnn.progress
    jointnn.running
    jointnn.tables jointnn.tracking
    jointnn.figures
    jointnn.golden
    jointnn.stages
    jointnn.__main__
"""
"""From the lowest to the highest: a module imports from lines above its own; packages also themselves."""

LEVEL = {name: k for k, line in enumerate(LAYERS.split("\n")) for name in line.split()}

ONLY_IN = {
    "pandas": r"tables/|figures/|tracking/|files|running|stages/(choose|evaluate|collect|figures|times)",
    "mlflow": r"tracking/",
    "snakemake": r"(?!)",
    "dvc": r"(?!)",
    "torchvision": r"datasets/|architectures/",
    "torchmetrics": r"generation/fidelity",
    "matplotlib": r"figures/",
    "yaml": r"yaml_files|stages/choose",
    "pydantic": r"params|method_params|strict|datasets/params|messages|mistakes|reading|settings",
    "torch": r"consistency|solvers|adversaries|networks|optimisers|parts|data|rounds|descent|training"
    r"|phases|phase_state|checkpoints|experiment|architectures/|augmentations|generation/|tasks/|precision|recompute"
    r"|golden|waiting|gradients|jae/(branches|layers|parameters)|stages/(activations|evaluate|initialise|sigma|irls)",
}
"""Packages that only some files may import, as patterns of their paths in jointnn/."""

MODULES = sorted((PROJECT / "jointnn").rglob("*.py"))


def shown(file: Path) -> str:
    return file.relative_to(PROJECT).as_posix()


@cache
def tree_of(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def unit_of(module: str) -> str:
    """The layer's entry that a module belongs to: jointnn.figures for jointnn.figures.style."""
    parts = module.split(".")
    return "jointnn.__init__" if len(parts) == 1 else ".".join(parts[:2])


@cache
def imports_of(file: Path) -> frozenset[str]:
    """Dotted names of the modules that a file imports, anywhere in it but for types alone."""
    return frozenset(_imports_of(file))


def _imports_of(file: Path) -> Iterator[str]:
    tree = tree_of(file)
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in for_types:
            continue
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{shown(file)}, line {node.lineno}: write imports in full"
            assert node.module is not None
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                place = PROJECT.joinpath(*whole.split("."))
                yield whole if place.is_dir() or place.with_suffix(".py").is_file() else node.module


def module_name(file: Path) -> str:
    return ".".join(file.relative_to(PROJECT).with_suffix("").parts)


@pytest.mark.parametrize("file", MODULES, ids=shown)
def test_imports_point_downwards(file):
    own = unit_of(module_name(file))
    for name in imports_of(file):
        if name.split(".")[0] == "jointnn":
            unit = unit_of(name)
            assert unit == own or LEVEL[unit] < LEVEL[own], f"{module_name(file)} imports {name}"


def test_the_layers_name_every_module_and_nothing_else():
    assert set(LEVEL) == {unit_of(module_name(file)) for file in MODULES}


@pytest.mark.parametrize("package", ONLY_IN)
def test_a_package_is_imported_only_where_it_may_be(package):
    for file in MODULES:
        place = file.relative_to(PROJECT / "jointnn").with_suffix("").as_posix()
        if package in {name.split(".")[0] for name in imports_of(file)}:
            assert re.match(f"({ONLY_IN[package]})($|(?<=/))", place), f"{place} imports {package}"


@pytest.mark.parametrize("name", ["consistency", "solvers"])
def test_the_files_for_a_reader_of_the_paper_import_torch_alone(name):
    found = {name.split(".")[0] for name in imports_of(PROJECT / f"jointnn/{name}.py")}
    assert found - set(sys.stdlib_module_names) == {"torch"}


@pytest.mark.parametrize("package", ["architectures", "datasets", "tasks"])
def test_what_a_user_adds_depends_on_little(package):
    """An architecture, dataset or task is one file; it knows nothing of training, stages or figures."""
    for file in (PROJECT / "jointnn" / package).glob("*.py"):
        units = {unit_of(name) for name in imports_of(file) if name.split(".")[0] == "jointnn"}
        lower = ["__init__", "errors", "registry", "paths", "files", "images", "data", "measures", package]
        lower += ["adversaries", "generation", "jae"]  # what single tasks and architectures are made of
        assert units <= {f"jointnn.{name}" for name in lower}, shown(file)


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
        ("jointnn.architectures", "architecture"),
        ("jointnn.augmentations", "augmentation"),
        ("jointnn.datasets", "dataset"),
        ("jointnn.tasks", "task"),
        ("jointnn.figures", "figure"),
        ("jointnn.methods", "method"),
    ],
)
def test_every_registered_name_is_explained_and_is_spelled_as_in_params(module, kind):
    registry = getattr(importlib.import_module(module), kind).load()
    assert registry
    for name, entry in registry.items():
        assert (entry.__doc__ or "").strip(), name
        assert re.fullmatch("[a-z][a-z0-9_]*", name), name


def test_the_tests_that_the_method_names_exist():
    text = (PROJECT / "docs" / "method.md").read_text(encoding="utf-8")
    named = re.findall(r"\[(test_\w+\.py)\]\(\.\./tests/\1\): ([^|\[\n]+)", text)
    assert len(named) == text.count("../tests/test_") >= 10
    for file, names in named:
        there = [node.name for node in ast.walk(tree_of(PROJECT / "tests" / file)) if hasattr(node, "name")]
        for name in re.findall(r"`(\w+)`", names):
            assert any(name in test for test in there if test), f"{file} has no test {name}"
