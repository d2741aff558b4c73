"""YAML: the same dialect as DVC's, mistakes by line and column."""

import json
import math
from pathlib import Path

import pytest
from dvc.utils.serialize import parse_yaml
from helpers.params import PROJECT

from jointnn.errors import UserError
from jointnn.io.yaml import from_yaml, read_yaml, to_yaml
from jointnn.parameters.files import files_of

ODD = {
    "0500": 500,
    "010": 10,
    "0o17": 15,
    "0x1F": 31,
    "0b11": 3,
    "1_000": 1000,
    "+3": 3,
    "1:30": "1:30",
    "190:20:30": "190:20:30",
    "1e-3": 0.001,
    "2E5": 2e5,
    "1.5e+2": 150.0,
    "+.5": 0.5,
    ".5e1": ".5e1",
    "-1e3": -1000.0,
    "1.": 1.0,
    ".inf": math.inf,
    "-.INF": -math.inf,
    "1e": "1e",
    "e3": "e3",
    "1-3": "1-3",
    "1/3": "1/3",
    "yes": "yes",
    "No": "No",
    "on": "on",
    "off": "off",
    "y": "y",
    "true": True,
    "False": False,
    "null": None,
    "~": None,
    "": None,
    "nan": "nan",
    "'010'": "010",
}
"""Scalars that readers of YAML take for different things, and what they are here."""


@pytest.mark.parametrize("scalar", ODD)
def test_a_scalar_means_what_it_means_to_dvc(scalar):
    text = f"a: {scalar}\n"
    assert from_yaml(text) == parse_yaml(text, "params.yaml") == {"a": ODD[scalar]}
    assert type(from_yaml(text)["a"]) is type(ODD[scalar])


@pytest.mark.slow
@pytest.mark.parametrize("file", files_of(PROJECT), ids=lambda file: file.name)
def test_parameters_mean_what_they_mean_to_dvc(file):
    text = file.read_text(encoding="utf-8")
    # As JSON, in which 1 is not 1.0 and not true.
    assert json.dumps(from_yaml(text)) == json.dumps(parse_yaml(text, "params.yaml"))


def test_an_anchor_may_be_used_twice():
    assert from_yaml("a: &a {x: 1}\nb: *a\nc: {<<: *a, x: 2}") == {
        "a": {"x": 1},
        "b": {"x": 1},
        "c": {"x": 2},
    }


@pytest.mark.parametrize(
    "value", [*ODD.values(), *ODD, 1e-5, 1e16, "# no", "a: b", "é", " x ", "two\nlines"]
)
def test_what_is_written_is_read_again(value):
    whole = {"z": value, "a": {"one": [value, {"b": value}], "empty": {}}}
    assert from_yaml(to_yaml(whole)) == whole
    assert list(from_yaml(to_yaml(whole))) == ["z", "a"]  # in their order


@pytest.mark.parametrize(
    ("text", "said"),
    {
        "a: 1\nb:\n  c: [1, 2\n": "line 4, column 1: expected ',' or ']', but got '<stream end>'.",
        "a: {c: 1}\nb: 2\na: {c: 3}": 'line 3, column 1: found duplicate key "a".',
        "a: 1\n\tb: 2": "line 2, column 1: found character '\\t' that cannot start any token.",
        "a: *nobody": "line 1, column 4: found undefined alias 'nobody'.",
        "a: 1\n---\na: 2": "line 2, column 1: but found another document.",
    }.items(),
)
def test_a_mistake_is_one_line_that_names_its_place(tmp_path, text, said):
    path = tmp_path / "mine.yaml"
    path.write_text(text)
    with pytest.raises(UserError) as refused:
        read_yaml(path)
    assert str(refused.value) == f"{path}: {said}"


def test_a_date_that_is_none_is_one_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("mine.yaml").write_text("a: 2026-13-40")
    with pytest.raises(UserError, match=r"^mine.yaml is not YAML: month must be in 1..12\.$"):
        read_yaml("mine.yaml")
