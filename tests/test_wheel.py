"""The wheel: what it holds, and that it works with the core dependencies alone."""

import ast
import os
import shutil
import subprocess
import sys
import tomllib
import venv
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
import torch
from helpers.library import core_script, export_beside, told_by_the_page
from helpers.params import PROJECT
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import jointnn
from jointnn.errors import EXTRA_OF
from jointnn.training.predictor import Use

PYPROJECT = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def files_of_project() -> list[str]:
    """Every file that git has or would take, by its path."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.check_output(command, cwd=PROJECT, text=True).split("\0")
    return [name for name in listed if name and (PROJECT / name).is_file()]


def run(*words: str | Path, cwd: Path, **variables: str) -> subprocess.CompletedProcess[str]:
    kept = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    return subprocess.run(
        list(map(str, words)), cwd=cwd, env=kept | variables, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel, built from a copy: a build leaves folders behind, and packs those that it finds."""
    project = tmp_path_factory.mktemp("project")
    for name in files_of_project():
        (project / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(PROJECT / name, project / name)
    options = ["--no-deps", "--no-build-isolation", "--quiet", "--wheel-dir", "wheels"]
    built = run(sys.executable, "-m", "pip", "wheel", ".", *options, cwd=project)
    assert built.returncode == 0, built.stderr
    (found,) = (project / "wheels").iterdir()
    return found


@pytest.mark.slow
def test_the_wheel_holds_the_library_alone_and_all_of_it(wheel):
    assert wheel.name == f"jointnn-{jointnn.__version__}-py3-none-any.whl"
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if not name.startswith("jointnn-")}
    assert names == {name for name in files_of_project() if name.startswith("jointnn/")}
    assert "jointnn/py.typed" in names


def core_distributions() -> dict[str, metadata.Distribution]:
    """The distributions that the core asks for, and those that they ask for."""
    found: dict[str, metadata.Distribution] = {}
    followed: set[tuple[str, str]] = set()
    waiting = [(Requirement(text), "") for text in PYPROJECT["dependencies"]]
    while waiting:
        requirement, extra_of_asker = waiting.pop()
        name = canonicalize_name(requirement.name)
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": extra_of_asker}):
            continue
        for extra in {"", *requirement.extras} - {extra for known, extra in followed if known == name}:
            found[name] = metadata.distribution(name)
            followed.add((name, extra))
            waiting += [(Requirement(text), extra) for text in found[name].requires or []]
    return found


@pytest.fixture(scope="module")
def core(wheel, tmp_path_factory) -> Path:
    """The Python of a fresh environment: the core's distributions as hard links, and the wheel."""
    folder = tmp_path_factory.mktemp("core")
    venv.create(folder, with_pip=False)
    (packages,) = folder.glob("lib/python*/site-packages")
    for distribution in core_distributions().values():
        for file in distribution.files or []:
            source, target = Path(str(distribution.locate_file(file))), packages / file
            if ".." in file.parts or not source.is_file():
                continue  # a script, or a compiled file that was never made
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                target.hardlink_to(source)
            except OSError:  # on another disk
                target.symlink_to(source)
    python = folder / "bin/python"
    command = ["uv", "pip", "install", "--offline", "--no-deps", "--quiet", "--python"]
    installed = run(*command, python, wheel, cwd=folder)
    assert installed.returncode == 0, installed.stderr
    return python


@pytest.mark.slow
def test_a_fresh_environment_has_what_the_core_asks_for_and_nothing_of_the_extras(core, tmp_path):
    checked = run("uv", "pip", "check", "--python", core, cwd=tmp_path)
    assert checked.returncode == 0, checked.stderr
    listed = run("uv", "pip", "list", "--format", "freeze", "--python", core, cwd=tmp_path).stdout
    there = {line.split("==")[0] for line in listed.splitlines()}
    assert there == {*core_distributions(), "jointnn"}
    assert not there & {"torchvision", "pyarrow", "pandas", "snakemake", "dvc", "mlflow", "pytest"}


@pytest.mark.slow
def test_the_page_of_the_library_runs_in_a_fresh_environment(core, tmp_path):
    export_beside(tmp_path)
    (tmp_path / "page.py").write_text(core_script())
    done = run(core, "-W", "error", "page.py", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    for words in told_by_the_page():
        assert words in done.stdout


@pytest.mark.slow
def test_the_benchmark_of_a_gpu_runs_on_the_cpu_with_the_core_and_torchvision(core, tmp_path):
    for name in ("torchvision", "torchvision.libs", "PIL", "pillow.libs"):
        if (found := Path(torch.__file__).parents[1] / name).exists():
            (tmp_path / name).symlink_to(found)
    command = [core, PROJECT / "benchmarks/gpu.py", "--device", "cpu", "--small"]
    done = run(*command, cwd=tmp_path, PYTHONPATH=str(tmp_path))
    assert done.returncode == 0, done.stderr
    title, _, *lines = done.stdout.splitlines()
    assert title.startswith("On cpu: not measured on a GPU, small sizes")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert {len(row) for row in rows} == {3} and not any("failed" in found for _, found, _ in rows)
    said = {what: (found, expected) for what, found, expected in rows}
    equal = [found for what, (found, expected) in said.items() if expected.startswith("all ")]
    assert len(equal) == 4 and set(equal) == {"69 of 69 tensors equal to the last bit"}
    assert any("CUDA graph" in what and found.startswith("needs CUDA") for what, (found, _) in said.items())
    memory = [row for what, row in said.items() if what.startswith("memory of a step")]
    assert len(memory) == 2
    for found, expected in memory:
        assert float(found.split()[0]) == pytest.approx(float(expected.split()[0]), rel=0.05)


@pytest.mark.slow
def test_the_command_works_there_and_names_the_extra_that_a_tool_needs(core, tmp_path):
    command = core.parent / "jointnn"
    assert run(command, "--version", cwd=tmp_path).stdout == f"{jointnn.__version__}\n"
    assert "Tools for you:" in run(command, "--help", cwd=tmp_path).stdout
    export_beside(tmp_path, Use("leaves", "classification", {}, ["beech", "oak"], 32, 3, "crop").notes())
    (tmp_path / "one.png").touch()
    needs = {
        "pipeline": ["export", "digits", "--to", "networks"],
        "images": ["predict", "networks", "one.png"],
    }
    for extra, words in needs.items():
        refused = run(command, *words, cwd=tmp_path)
        assert refused.returncode == 1
        (line,) = refused.stderr.splitlines()
        assert line.endswith(
            f'is not installed, and this needs it. It comes with an extra: pip install "jointnn[{extra}]"'
        )


def test_importing_the_package_imports_no_torch_and_names_are_found_when_asked_for():
    code = "import sys, jointnn; print('torch' in sys.modules, 'pydantic' in sys.modules, dir(jointnn))"
    done = run(sys.executable, "-c", code, cwd=PROJECT)
    assert done.stdout == f"False False {sorted(jointnn.__all__)}\n"
    for name in jointnn.__all__:
        assert getattr(jointnn, name) is not None
    with pytest.raises(AttributeError, match="has no attribute 'Trainer'"):
        jointnn.Trainer  # noqa: B018


def test_the_stub_of_the_package_has_its_public_names():
    tree = ast.parse((PROJECT / "jointnn/__init__.pyi").read_text(encoding="utf-8"))
    imported = {
        alias.asname: f"{node.module}.{alias.name}"
        for node in tree.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert set(imported) == set(jointnn.__all__) - {"__version__"}
    for name, home in imported.items():
        assert f"{getattr(jointnn, name).__module__}.{name}" == home
    (listed,) = (node for node in tree.body if isinstance(node, ast.Assign))
    assert ast.literal_eval(listed.value) == jointnn.__all__


@pytest.mark.slow
def test_every_module_of_an_extra_is_known_by_the_extra_that_brings_it():
    extra_of = {
        canonicalize_name(Requirement(text).name): extra
        for extra in ("images", "pipeline")
        for text in PYPROJECT["optional-dependencies"][extra]
    }
    homes = metadata.packages_distributions()
    for module, extra in EXTRA_OF.items():
        assert extra in {extra_of.get(canonicalize_name(name)) for name in homes[module]}, module
