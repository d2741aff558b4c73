"""The JSON schemas of the files of parameters, for editors: up to date, and of one mind with the models."""

import json
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from helpers.params import PROJECT, edited, mistakes, write_files

from jointnn.__main__ import main
from jointnn.io.yaml import read_yaml
from jointnn.parameters.files import files_of
from jointnn.parameters.json_schema import FILES, schema
from jointnn.stages.tools.schema import FOLDER

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator

needs_jsonschema = pytest.mark.skipif(find_spec("jsonschema") is None, reason="jsonschema is not installed")


@pytest.mark.parametrize("kind", FILES)
def test_the_schemas_in_the_repository_are_up_to_date(kind):
    written = json.loads((PROJECT / FOLDER / f"{kind}.schema.json").read_text())
    assert written == schema(kind), "write it: python -m jointnn schema"


def test_an_editor_finds_the_schema_of_each_file_that_people_write():
    for file in files_of(PROJECT):
        first = file.read_text().splitlines()[0]
        if file.parent.name != "chosen" and file.stem != "paper":
            assert (file.parent / first.partition("$schema=")[2]).is_file(), file


def test_the_schema_explains_every_setting():
    for kind in FILES:
        whole = schema(kind)
        for model in [whole, *whole.get("$defs", {}).values()]:
            for name, entry in model.get("properties", {}).items():
                assert entry.get("description"), name


@pytest.mark.slow
def test_the_check_fails_until_the_schema_is_written(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    path, source = f"{FOLDER}/experiment.schema.json", "jointnn/parameters/schema.py"
    says = f"error: {{}} is not that of {source}. Write it: python -m jointnn schema\n"
    assert main(["schema", "--check"]) == 1
    assert capsys.readouterr().err == says.format(f"{FOLDER}/params.schema.json")
    assert main(["schema"]) == 0
    assert main(["schema", "--check"]) == 0
    assert capsys.readouterr().err == ""
    Path(path).write_text(Path(path).read_text().replace("tolerance", "tolerence", 1))
    assert main(["schema", "--check"]) == 1
    assert capsys.readouterr().err == says.format(path)


@cache
def validator(kind: str) -> "Draft202012Validator":
    """A validator by a schema, which is itself looked at first."""
    from jsonschema import Draft202012Validator

    Draft202012Validator.check_schema(schema(kind))
    return Draft202012Validator(schema(kind))


KIND_OF = {"experiments": "experiment", "grids": "grid", "sweeps": "sweep"}


def complaints(root: Path) -> list[str]:
    """Return the complaints of the schemas about the files of a project."""
    found = []
    for file in files_of(root):
        kind = KIND_OF.get(file.parent.name, file.stem)
        if kind in FILES:
            errors = validator(kind).iter_errors(read_yaml(file))
            found += [f"{file.relative_to(root)}: {error.message}" for error in errors]
    return found


def complaints_about(edits: dict, root: Path) -> list[str]:
    write_files(root, edited(edits))
    return complaints(root)


@pytest.mark.slow
@needs_jsonschema
def test_the_projects_own_files_are_right_by_the_schemas(tmp_path):
    assert complaints(PROJECT) == []
    assert complaints_about({}, tmp_path) == []
    away = {"experiments.heir.tuned": None, "experiments.heir.groups": None}
    assert complaints_about(away, tmp_path) == []
    within = {"experiments.heir.tuned": {"joint": None}, "experiments.heir.settings": {"strength": None}}
    assert complaints_about(within, tmp_path) == []
    own = {"leaves": {"source": "class_folders", "path": "here"}, "first": None}
    assert complaints_about({"experiments.toy.datasets": own}, tmp_path) == []


@pytest.mark.slow
@needs_jsonschema
@pytest.mark.parametrize(
    "name",
    [
        "a negative tolerance",
        "half a step",
        "true for one",
        "an unknown setting",
        "an unknown key of an experiment",
        "a missing key",
        "an unknown metric",
        "a tuned value out of range",
        "a grid without a list",
        "a name with a capital",
    ],
)
def test_an_editor_sees_a_wrong_value_by_the_schema(name, tmp_path):
    assert complaints_about(mistakes()[name]["edits"], tmp_path) != []
