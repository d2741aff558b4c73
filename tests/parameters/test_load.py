"""Parameters at the door: a mistake is one line with its file and path, the value found and its meaning."""

import json
import math
from pathlib import Path

import pytest
from helpers.params import BASE, GONE, PROJECT, mistakes, read
from pydantic import ValidationError

from jointnn.data.schema import DatasetParams
from jointnn.errors import UserError
from jointnn.methods.settings import MethodSettings, Strength
from jointnn.parameters.load import read_params
from jointnn.parameters.messages import lines_of
from jointnn.parameters.resolve import merged_settings, method_settings, settings_for
from jointnn.parameters.schema import ExperimentParams, Params, SweepParams
from jointnn.parameters.validation import TAKEN

TOY, OF_TOY = "experiments.toy", "experiments.toy.settings"


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def lines_about(edits: dict) -> list[str]:
    """Return the lines that refuse the edited params.yaml."""
    with pytest.raises(UserError) as refused:
        read(edits)
    return str(refused.value).splitlines()


MISTAKES = mistakes()


@pytest.mark.slow
@pytest.mark.parametrize("name", MISTAKES)
def test_a_wrong_value_is_one_line_with_its_path(name):
    assert lines_about(MISTAKES[name]["edits"]) == [MISTAKES[name]["says"]]


@pytest.mark.parametrize(
    "model",
    [MethodSettings, ExperimentParams, DatasetParams, SweepParams, Params],
    ids=lambda model: model.__name__,
)
def test_every_wrong_value_is_refused_in_our_words(model):
    wrong = [
        None,
        True,
        -1e9,
        1e9,
        1.5,
        math.nan,
        math.inf,
        "",
        "x y",
        [],
        [None],
        [1, 1],
        {},
        {"A": None},
        {1: {}},
    ]
    for key, field in model.model_fields.items():
        for value in ({field.alias or key: found} for found in wrong):
            with pytest.raises(ValidationError) as refused:
                model.model_validate({**value, "no such key": 1})
            for line, details in zip(
                lines_of(refused.value, model, value), refused.value.errors(), strict=True
            ):
                assert details["type"] in ("value_error", "unknown_name") or details["msg"] not in line


def test_an_inherited_mistake_is_said_where_it_stands():
    lines = lines_about({f"{TOY}.task": "classify", f"{OF_TOY}.tolerance": -1})
    assert [line.split(": ")[:2] for line in lines] == [
        ["params/experiments/toy.yaml", "task"],
        ["params/experiments/toy.yaml", "settings.tolerance"],
    ]


def test_a_mistake_that_several_experiments_repeat_is_said_once_and_short():
    twelve = {f"{TOY}{k}": {**BASE["experiments"]["toy"], "task": "classify"} for k in range(12)}
    assert lines_about(twelve) == [
        "params/experiments/toy0.yaml: task: no task is named 'classify'; did you mean "
        "'classification'? (So in "
        "toy1, toy10, toy11 and 8 more.)"
    ]


def test_no_line_is_longer_than_a_person_reads():
    many = {f"datasets.dataset_{k:02}": {"source": "optical_digits", "pool": 9} for k in range(60)}
    for edits in (
        {f"{TOY}.datasets": ["zzz", "first"]},
        {f"{TOY}.task": "z" * 500},
        {f"{TOY}.seeds": "9" * 999},
    ):
        assert all(len(line) <= 300 for line in lines_about({**many, **edits}))


@pytest.mark.parametrize(
    "edits",
    [
        {"datasets.first.pool": 0, f"{TOY}.channels": 2, f"{TOY}.seeds": "none"},
        {"datasets.first.path": "here", f"{TOY}.task": "x", f"{OF_TOY}.steps": 0, f"{OF_TOY}.momentum": 1},
    ],
    ids=["values", "names and settings"],
)
def test_several_mistakes_are_several_lines(edits):
    said = {tuple(line.split(": ")[:2]) for line in lines_about(edits)}
    assert said == {
        ("params/experiments/toy.yaml", path.removeprefix(f"{TOY}."))
        if path.startswith(TOY)
        else ("params/datasets.yaml", path.removeprefix("datasets.").removesuffix(".path"))
        for path in edits
    }


@pytest.mark.parametrize(
    ("text", "line"),
    {
        "": "params.yaml must hold keys and values, as in default: [digits], but holds nothing.",
        "- a": "params.yaml must hold keys and values, as in default: [digits], but holds a list.",
        "a: [": "params.yaml: line 1, column 5: expected the node content, but found '<stream end>'.",
        "a: 1\na: 2": 'params.yaml: line 2, column 1: found duplicate key "a".',
        "a: {b: 1, c: 2, b: 3}": 'params.yaml: line 1, column 17: found duplicate key "b".',
        "a: \0": "params.yaml is not YAML: unacceptable character #x0000: special characters are not "
        'allowed in "<unicode string>", position 3.',
        "a: !!python/name:os.system": "params.yaml: line 1, column 4: could not determine a constructor "
        "for the tag 'tag:yaml.org,2002:python/name:os.system'.",
    }.items(),
)
def test_a_file_that_holds_no_settings_is_one_line(text, line):
    Path("params.yaml").write_text(text)
    with pytest.raises(UserError) as refused:
        read_params()
    assert str(refused.value) == line


def test_a_file_that_is_missing_or_no_text_is_one_line():
    missing = r"^params.yaml could not be read: No such file or directory\. Was it moved or deleted\? "
    with pytest.raises(UserError, match=missing):
        read_params()
    Path("params.yaml").write_bytes(b"default: [\xff]")
    with pytest.raises(
        UserError,
        match=r"^params.yaml is no text in UTF-8: invalid start byte at byte 10\. Save it as UTF-8\.$",
    ):
        read_params()


def test_an_experiment_has_the_entries_of_the_one_that_it_extends():
    params = read({"experiments.toy.tuned.joint": {"scale_factor": 2}, "experiments.heir.seeds": [7]})
    toy, heir = params.experiments["toy"], params.experiments["heir"]
    assert (heir.image_size, heir.seeds) == (16, [7])
    assert heir.settings == {"steps": 30, "rounds": 3, "strength": {"half_life": 2}}
    for key in ("task", "architecture", "datasets", "groups", "methods", "tuned"):
        assert getattr(heir, key) == getattr(toy, key)


def test_an_heir_can_drop_what_it_inherits():
    other = {"extends": "toy", "datasets": ["first", "second"], "groups": None, "methods": ["joint"]}
    found = read({"experiments.other": {**other, "settings": {"rounds": 2, "strength": None}}})
    assert found.experiments["other"].groups is None
    assert found.experiments["other"].settings == {"steps": 60, "rounds": 2}


def test_settings_are_the_preset_under_the_experiment_under_what_was_tuned():
    edits = {
        "presets.default": {"momentum": 0.5, "steps": 7, "learning_rate": 1},
        f"{TOY}.tuned.isolated": {"learning_rate": 3},
    }
    params = read(edits)
    settings = method_settings(params, "toy", "isolated")
    assert (settings.momentum, settings.steps, settings.learning_rate) == (0.5, 60, 3)
    assert method_settings(params, "toy", "joint").learning_rate == 1
    point = merged_settings(params, "toy", "isolated", {"momentum": 0.1})
    assert (point["learning_rate"], point["momentum"]) == (1, 0.1)


def test_a_strength_takes_the_place_of_another_whole():
    params = read({f"{TOY}.preset": "paper", f"{OF_TOY}.strength": {"half_life": 4}})
    assert method_settings(params, "toy", "joint").strength == Strength(half_life=4)


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["default", "paper", "authors_code"])
def test_each_preset_of_the_project_is_valid_and_takes_every_method(preset):
    presets = read_params(PROJECT).presets
    heir = {"extends": "toy", "datasets": ["first", "second", "third"], "preset": preset, "tuned": None}
    plain = {key: value for key, value in BASE["experiments"]["toy"].items() if key != "settings"}
    params = read({"presets": presets, "experiments": {"toy": plain, "heir": heir}})
    chosen = MethodSettings.model_validate(presets[preset])
    for method in params.experiments["heir"].methods:
        assert method_settings(params, "heir", method) == chosen


@pytest.mark.parametrize(
    ("value", "field"),
    [
        ({"strength": {"half_life": math.inf}}, "strength"),
        ({"strength": {"half_life": 0}}, "strength"),
        ({"scale_factor": math.inf}, "scale_factor"),
        ({"learning_rate": "1e-3"}, "learning_rate"),
    ],
)
def test_settings_survive_a_settings_file(value, field):
    settings = MethodSettings.model_validate(value)
    written = json.dumps(settings_for("joint", settings), allow_nan=False)
    assert getattr(MethodSettings.model_validate(json.loads(written)), field) == getattr(settings, field)


def test_a_method_is_given_the_settings_that_it_reads():
    settings = MethodSettings()
    elsewhere = {"batched", "tied", "scale", "processes"}
    assert set(settings_for("joint", settings)) == set(MethodSettings.model_fields) - elsewhere
    assert settings_for("joint", MethodSettings(scale="split_half"))["scale"] == "split_half"
    assert "scale" not in settings_for("fedamp", MethodSettings(scale="split_half"))
    assert settings_for("isolated", MethodSettings(batched=True))["batched"] is True
    assert settings_for("jae", MethodSettings(tied=["shared"]))["tied"] == ["shared"]
    assert settings_for("joint", MethodSettings(tied=["classes"]))["tied"] == ["classes"]
    assert "strength" not in settings_for("isolated", settings)
    assert "strength" not in settings_for("shareall", settings)
    assert "weighting" not in settings_for("fedamp", settings)


def test_every_setting_says_what_it_is_for():
    fields = {**MethodSettings.model_fields, **ExperimentParams.model_fields, **Params.model_fields}
    assert [name for name, field in fields.items() if not field.description] == []


def test_no_experiment_can_have_the_name_of_a_rule():
    rules = " ".join(path.read_text() for path in (PROJECT / "workflow/rules").glob("*.smk"))
    rules += (PROJECT / "Snakefile").read_text()
    named = {line.split()[1].rstrip(":") for line in rules.splitlines() if line.startswith("rule ")}
    assert named <= TAKEN


@pytest.mark.slow
def test_the_projects_own_file_is_right(monkeypatch):
    monkeypatch.chdir(PROJECT)
    params = read_params()
    assert set(params.default) <= set(params.experiments)


def test_a_budget_that_is_too_small_for_joint_is_no_mistake_where_joint_is_not_trained():
    few = {f"{OF_TOY}.steps": 1, "experiments.heir.methods": ["isolated"], f"{TOY}.search": GONE}
    few |= {f"{TOY}.methods": ["isolated"], "experiments.heir.settings": {"steps": 1}}
    assert "joint" in read(few).experiments["toy"].tuned  # of a method that is not trained
