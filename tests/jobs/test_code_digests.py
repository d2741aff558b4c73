"""Digests of code, and the settings files of jobs: what a change reruns, and what it does not."""

import ast
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from helpers.dataset import parquet
from helpers.params import PROJECT, read

from jointnn.errors import UserError
from jointnn.io import files
from jointnn.jobs import code_digests as code
from jointnn.parameters import entries

TRAINING = [("architecture", "small_conv"), ("task", "classification")]


@pytest.fixture
def copy(tmp_path, monkeypatch) -> Path:
    """A copy of the package, so that its code can be edited; the current folder is above it."""
    shutil.copytree(PROJECT / "jointnn", tmp_path / "jointnn", ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(entries, "PACKAGE", tmp_path / "jointnn")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def edit(file: str, change: Callable[[str], str]) -> None:
    """Edit a file, which must then be another one."""
    before = Path(file).read_text()
    Path(file).write_text(change(before))
    assert Path(file).read_text() != before


def without_docstrings(text: str) -> str:
    """The text of a module with an other word in place of every text that stands alone."""
    tree = ast.parse(text)
    lines = text.splitlines(keepends=True)
    alone = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    ]
    for node in sorted(alone, key=lambda node: -node.lineno):
        indent = " " * node.col_offset
        lines[node.lineno - 1 : node.end_lineno] = [f'{indent}"""Other words."""\n']
    return "".join(lines)


EDITS_OF_FORM = {
    "a comment": lambda text: text.replace("\n\n\n", "\n\n\n# A comment.\n", 1),
    "empty lines": lambda text: text.replace("\n\n\n", "\n\n\n\n\n", 1),
    "line breaks": lambda text: text.replace("(", "(\n", 1).replace(")", "\n)", 1),
    "every docstring": without_docstrings,
}


@pytest.mark.slow
@pytest.mark.parametrize("name", EDITS_OF_FORM)
@pytest.mark.parametrize("file", ["parameters/schema", "models/architectures/convolutional"])
def test_an_edit_of_words_or_form_changes_no_digest(copy, file, name):
    before = code.code_digests("train", TRAINING)
    edit(f"jointnn/{file}.py", EDITS_OF_FORM[name])
    assert code.code_digests("train", TRAINING) == before


def test_an_edit_of_what_a_function_does_changes_the_digest_of_its_file_alone(copy):
    before = code.code_digests("train", TRAINING)
    edit("jointnn/irls/solvers.py", lambda text: text.replace("return ", "return None or ", 1))
    after = code.code_digests("train", TRAINING)
    assert {file for file in before if before[file] != after[file]} == {"jointnn/irls/solvers.py"}
    assert before.keys() == after.keys()


def test_a_new_architecture_changes_nothing_for_jobs_that_do_not_name_it(copy):
    before = code.code_digests("train", TRAINING)
    body = "from jointnn.architectures import architecture\n\n\n@architecture\ndef tall_conv(classes):\n"
    Path("jointnn/models/architectures/tall.py").write_text(body + "    return 1\n")
    assert code.code_digests("train", TRAINING) == before
    tall = [("architecture", "tall_conv"), ("task", "classification")]
    named = code.code_digests("train", tall)
    assert named.keys() - before.keys() == {"jointnn/models/architectures/tall.py"}
    Path("jointnn/models/architectures/tall.py").write_text(body + "    return 22\n")
    assert code.code_digests("train", tall) != named
    assert code.code_digests("train", TRAINING) == before


@pytest.mark.slow
def test_a_stage_depends_on_what_it_imports_and_on_nothing_else(copy):
    files = {stage: set(code.code_digests(stage)) for stage in ("fetch", "train", "collect", "figures")}
    assert "jointnn/irls/solvers.py" in files["train"]
    assert not {"jointnn/irls/solvers.py", "jointnn/data/images.py"} & files["collect"]
    assert not {"jointnn/training/state.py", "jointnn/jobs/graph.py"} & files["figures"]
    assert "jointnn/data/images.py" in files["fetch"]
    for stage, found in files.items():
        assert f"jointnn/stages/{stage}.py" in found
        assert "jointnn/__init__.py" in found


def test_a_module_inside_a_package_depends_on_the_package(copy):
    Path("jointnn/deep/er").mkdir(parents=True)
    for file in ("deep/__init__", "deep/er/__init__", "deep/er/leaf", "deep/er/twin"):
        Path(f"jointnn/{file}.py").write_text("")
    edit("jointnn/stages/collect.py", lambda text: text + "\nimport jointnn.deep.er.leaf\n")
    Path("jointnn/deep/er/leaf.py").write_text("from . import twin\n")
    found = {file for file in code.code_digests("collect") if "deep" in file}
    assert found == {
        f"jointnn/deep/{file}.py" for file in ("__init__", "er/__init__", "er/leaf", "er/twin")
    }


@pytest.mark.slow
def test_digests_are_the_same_in_another_folder(copy):
    here = code.code_digests("train", TRAINING)
    shutil.copytree("jointnn", "elsewhere/jointnn")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(entries, "PACKAGE", copy / "elsewhere/jointnn")
        patch.chdir("elsewhere")
        assert code.code_digests("train", TRAINING) == here


@pytest.mark.slow
def test_rows_of_a_parquet_file_are_counted_without_pandas(tmp_path):
    """As Snakemake counts them while it reads the workflow."""
    (tmp_path / "train.parquet").write_bytes(parquet([1], ["cat", "dog"]))
    program = (
        "import sys; from pathlib import Path; from jointnn.data.parquet import labels_from_parquet; "
        "images, _ = labels_from_parquet(Path(sys.argv[1])); print(images.labels, 'pandas' in sys.modules)"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program, tmp_path / "train.parquet"],
        cwd=PROJECT, capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert ran.stdout == "[1] False\n"


@pytest.mark.slow
def test_reading_params_and_settings_of_all_jobs_imports_no_torch():
    program = (
        "import sys; from jointnn.parameters.load import read_params; "
        "from jointnn.jobs.graph import Jobs; "
        "params = read_params(); jobs = Jobs(params); [jobs.figures(name) for name in params.experiments]; "
        "print([name for name in ('torch', 'pandas', 'mlflow', 'matplotlib') if name in sys.modules])"
    )
    ran = subprocess.run(
        [sys.executable, "-c", program], cwd=PROJECT, capture_output=True, text=True, check=True
    )
    assert ran.stdout == "[]\n"


# One's own architecture.

OWN = """import torch
from mine import blocks

def net(classes, channels, size, width=4):
    return blocks.one
"""


@pytest.fixture
def own(tmp_path, monkeypatch) -> None:
    """A project with an architecture of one's own in mine/nets.py, which imports mine/blocks.py."""
    monkeypatch.chdir(tmp_path)
    Path("mine").mkdir()
    Path("mine/nets.py").write_text(OWN)
    Path("mine/blocks.py").write_text("from .parts import part\none = part\n")
    Path("mine/parts.py").write_text("part = 1\n")
    Path("mine/other.py").write_text("unused = 1\n")


def own_files() -> dict[str, str]:
    """Digests of one's own files that training depends on."""
    digests = code.code_digests("train", [("architecture", "mine.nets:net")])
    return {file: digest for file, digest in digests.items() if not file.startswith("jointnn/")}


@pytest.mark.slow
@pytest.mark.usefixtures("own")
def test_ones_own_architecture_counts_with_all_that_it_imports_from_the_projects_folder():
    before = own_files()
    assert set(before) == {"mine/nets.py", "mine/blocks.py", "mine/parts.py"}
    Path("mine/parts.py").write_text("part = 22\n")
    assert {file for file, digest in own_files().items() if digest != before[file]} == {"mine/parts.py"}


@pytest.mark.usefixtures("own")
def test_ones_own_package_counts_and_is_not_run_to_be_found():
    Path("mine/__init__.py").write_text("raise SystemExit('this runs')\n")
    assert set(own_files()) == {f"mine/{name}.py" for name in ("__init__", "nets", "blocks", "parts")}


@pytest.mark.usefixtures("own")
def test_ones_own_architecture_is_taken_at_the_door_with_its_options():
    read({"experiments.toy.architecture": "mine.nets:net"})
    assert entries.options_of("architecture", "mine.nets:net") == ["width"]
    with pytest.raises(UserError, match=r"architecture_options: 'layers' is not known\. Known: width\."):
        read(
            {
                "experiments.toy.architecture": "mine.nets:net",
                "experiments.toy.architecture_options.layers": 1,
            }
        )
    Path("mine/nets.py").write_text("def net(**anything):\n    return 1\n")
    assert entries.options_of("architecture", "mine.nets:net") is None


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize("module", ["mine.nots", "nowhere", "../mine/nets", "", "math", "mine"])
def test_a_module_that_is_not_there_is_refused(module):
    with pytest.raises(UserError) as refused:
        read({"experiments.toy.architecture": f"{module}:net", "experiments.toy.architecture_options": {}})
    assert str(refused.value) == (
        f"params/experiments/toy.yaml: architecture: '{module}:net' has no module '{module}' that can be "
        "imported from the project's root; write package.module:name."
    )


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("mine.nets:nett", "nets.py defines no 'nett' at its top level; did you mean 'net'?"),
        ("small_con", "no architecture is named 'small_con'; did you mean 'small_conv'?"),
    ],
)
def test_an_architecture_that_is_not_there_is_refused(name, says):
    with pytest.raises(UserError) as refused:
        entries.file_of("architecture", name)
    assert str(refused.value) == says


@pytest.mark.usefixtures("own")
@pytest.mark.parametrize("kind", entries.KINDS)
def test_an_entry_of_every_kind_can_be_ones_own(kind):
    assert entries.file_of(kind, "mine.nets:net") == Path.cwd() / "mine/nets.py"
    before = code.code_digests("train", [(kind, "mine.nets:net")])
    assert {"mine/nets.py", "mine/blocks.py", "mine/parts.py"} <= set(before)
    Path("mine/parts.py").write_text("part = 2\n")
    assert code.code_digests("train", [(kind, "mine.nets:net")]) != before
    with pytest.raises(UserError, match=r"nets.py defines no 'nett' at its top level; did you mean 'net'"):
        entries.file_of(kind, "mine.nets:nett")


@pytest.mark.usefixtures("own")
def test_ones_own_code_with_a_mistake_in_it_is_one_line():
    Path("mine/nets.py").write_text("def net(:\n")
    with pytest.raises(
        UserError, match=r"toy.yaml: architecture: mine/nets.py, line 1: .*\. Mend it first\."
    ):
        read({"experiments.toy.architecture": "mine.nets:net"})


def test_what_was_read_is_kept_and_read_anew_where_the_reader_is_another_one(copy, monkeypatch):
    found = code.code_digests("train", TRAINING)
    kept = files.kept(code.KEPT)
    known = next(iter(kept["code"]))
    other = kept | {"code": {**kept["code"], known: ["other", []]}}
    for reader, expected in ((kept["reader"], False), ([3, 1, "an older module"], True)):
        files.keep(code.KEPT, other | {"reader": reader})
        code._memory.cache_clear()
        code._imported.cache_clear()
        assert (code.code_digests("train", TRAINING) == found) == expected
