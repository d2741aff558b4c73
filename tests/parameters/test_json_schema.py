"""The JSON schema of params.yaml, for editors: up to date, and of one mind with the models."""

import json
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from helpers.params import BASE, PROJECT, edited, mistakes

from jointnn.__main__ import main
from jointnn.io.yaml import read_yaml
from jointnn.parameters.json_schema import schema
from jointnn.stages.tools.schema import PATH

if TYPE_CHECKING:
    from jsonschema import Draft202012Validator

needs_jsonschema = pytest.mark.skipif(find_spec("jsonschema") is None, reason="jsonschema is not installed")


def test_the_schema_in_the_repository_is_up_to_date():
    written = json.loads((PROJECT / PATH).read_text())
    assert written == schema(), "write it: python -m jointnn schema"


def test_the_schema_explains_every_setting():
    for model in ("MethodSettings", "ExperimentParams", "DatasetParams", "SweepParams", "Strength"):
        for name, entry in schema()["$defs"][model]["properties"].items():
            assert entry.get("description"), name


def test_the_check_fails_until_the_schema_is_written(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    says = (
        f"error: {PATH} is not that of jointnn/parameters/schema.py. Write it: python -m jointnn schema\n"
    )
    assert main(["schema", "--check"]) == 1
    assert capsys.readouterr().err == says
    assert main(["schema"]) == 0
    assert main(["schema", "--check"]) == 0
    assert capsys.readouterr().err == ""
    Path(PATH).write_text(Path(PATH).read_text().replace("tolerance", "tolerence", 1))
    assert main(["schema", "--check"]) == 1
    assert capsys.readouterr().err == says


@cache
def validator() -> "Draft202012Validator":
    """A validator by the schema, which is itself looked at first."""
    from jsonschema import Draft202012Validator

    Draft202012Validator.check_schema(schema())
    return Draft202012Validator(schema())


def complaints(params: object) -> list[str]:
    """What the schema says about some params."""
    return [error.message for error in validator().iter_errors(params)]


@pytest.mark.slow
@needs_jsonschema
def test_the_projects_own_file_is_right_by_the_schema():
    assert complaints(read_yaml(PROJECT / "params.yaml")) == []
    assert complaints(BASE) == []
    assert complaints(edited({"experiments.heir.tuned": None, "experiments.heir.groups": None})) == []
    within = {"experiments.heir.tuned": {"joint": None}, "experiments.heir.settings": {"strength": None}}
    assert complaints(edited(within)) == []


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
def test_an_editor_sees_a_wrong_value_by_the_schema(name):
    assert complaints(edited(mistakes()[name]["edits"])) != []
