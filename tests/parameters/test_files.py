"""Files of parameters: an experiment is one new file and one line, and mistakes are sentences."""

import io
from pathlib import Path

import pytest
from dvc.utils.serialize import _yaml as dvc_yaml
from helpers.params import BASE, PROJECT, edited, read, write, write_files

from jointnn.errors import UserError
from jointnn.io.yaml import read_yaml, to_yaml
from jointnn.parameters.files import files_of
from jointnn.parameters.load import read_params

OWN = {
    "task": "classification",
    "architecture": "small_conv",
    "datasets": {
        "leaves": {"source": "class_folders", "path": "my_data/leaves"},
        "petals": {"source": "class_folders", "path": "my_data/petals"},
        "first": None,
    },
    "channels": 1,
    "validation_images": 50,
    "seeds": [0],
    "methods": ["isolated", "joint"],
}


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def put(file: str, content: object) -> None:
    """Write a file of parameters beside those of helpers.params."""
    Path(file).parent.mkdir(parents=True, exist_ok=True)
    Path(file).write_text(to_yaml(content))


def refused() -> list[str]:
    with pytest.raises(UserError) as error:
        read_params()
    return str(error.value).splitlines()


def test_an_own_experiment_is_one_new_file_with_its_datasets_in_it():
    write({})
    put("params/experiments/mine.yaml", OWN)
    params = read_params()
    assert params.experiments["mine"].datasets == ["leaves", "petals", "first"]
    assert params.datasets["leaves"].path == "my_data/leaves"
    assert "mine" not in params.versioned


def test_one_line_in_params_yaml_makes_it_known_to_dvc():
    write({})
    put("params/experiments/mine.yaml", OWN)
    top = read_yaml("params.yaml")
    put("params.yaml", {**top, "experiments": {**top["experiments"], "mine": "mine"}})
    assert "mine" in read_params().versioned


def test_the_users_screen_is_a_screen():
    assert len((PROJECT / "params.yaml").read_text().splitlines()) <= 60


def test_a_name_that_is_taken_is_one_sentence():
    write({})
    put(
        "params/experiments/mine.yaml",
        {**OWN, "datasets": {"second": OWN["datasets"]["leaves"], "first": None}},
    )
    assert refused() == [
        "params/experiments/mine.yaml: datasets.second: params/datasets.yaml has this name already; choose "
        "another one, such as my_second."
    ]
    put("params/experiments/mine.yaml", OWN)
    put("params/experiments/other.yaml", OWN)
    assert refused()[0] == (
        "params/experiments/other.yaml: datasets.leaves: params/experiments/mine.yaml has this "
        "name already; "
        "choose another one, such as my_leaves."
    )
    Path("params/experiments/other.yaml").unlink()
    put("params.yaml", {**read_yaml("params.yaml"), "presets": {"paper": {}}})
    assert refused() == [
        "params.yaml: presets.paper: params/presets.yaml has this name already; choose another "
        "one, such as "
        "my_paper."
    ]


TOP = {
    "a list": (["toy"], "experiments: must be a line for each, as in toy: toy, and no list."),
    "a whole experiment": (
        {"mine": OWN},
        "experiments.mine: an experiment is a file; move these lines to params/experiments/mine.yaml.",
    ),
    "no such file": (
        {"toi": "toi"},
        "experiments.toi: there is no params/experiments/toi.yaml; did you mean 'toy'?",
    ),
    "another one that it extends": (
        {"heir": "heir"},
        "experiments.heir: 'heir' is not what it extends; write heir: toy, so that DVC sees it.",
    ),
}


@pytest.mark.parametrize("name", TOP)
def test_a_wrong_line_for_dvc_is_one_sentence(name):
    value, says = TOP[name]
    write({"top": {"experiments": value}})
    assert refused() == [f"params.yaml: {says}"]


def test_a_key_that_dvc_asks_for_is_named():
    write({})
    put("params.yaml", {"default": ["toy"], "experiments": {}, "datasets": {}, "presets": {}})
    assert refused() == ["params.yaml: sweeps: this key is missing, and DVC asks for it. Write sweeps: {}"]


MISPLACED = {
    "params/experiments/toy.yaml": (
        {"search": {}},
        "params/experiments/toy.yaml: search: this stands in params/grids/toy.yaml; move it there.",
    ),
    "params/grids/toy.yaml": (
        {"serch": {}},
        "params/grids/toy.yaml: serch: this key is not known; did you mean 'search'?",
    ),
    "params/chosen/toy.yaml": (
        {"tuned": {"joint": {}}},
        "params/experiments/toy.yaml: tuned.joint: the search wrote this into "
        "params/chosen/toy.yaml too; keep "
        "one of the two.",
    ),
    "params/grids/toi.yaml": (
        {"search": {}},
        "params/grids/toi.yaml: it is of params/experiments/toi.yaml, which is not there; did "
        "you mean 'toy'?",
    ),
    "params/experiments/mine.yml": (
        {},
        "params/experiments/mine.yml: files of parameters end in .yaml; rename it.",
    ),
    "params/experiment/mine.yaml": (
        {},
        "params/experiment: no parameters are read from this folder. Known: params/experiments, "
        "params/grids, "
        "params/chosen, params/sweeps.",
    ),
    "params/experiments/My-own.yaml": (
        OWN,
        "params/experiments/My-own.yaml: 'My-own': must hold small letters, digits and _ alone, "
        "and begin with a "
        "letter. Experiments that can be run.",
    ),
}


@pytest.mark.parametrize("file", MISPLACED)
def test_what_would_be_passed_over_is_refused(file):
    content, says = MISPLACED[file]
    write({})
    already = read_yaml(file) if Path(file).is_file() and file.startswith("params/experiments") else {}
    put(file, {**already, **content})
    assert refused() == [says]


def test_a_dataset_among_the_presets_gets_a_hint():
    write({"presets.leaves": {"source": "class_folders", "path": "x"}})
    assert refused() == ["params/presets.yaml: leaves: this looks like a dataset; move it to `datasets`."]


def test_a_mistake_in_an_own_dataset_is_told_with_its_file():
    write({})
    put("params/experiments/mine.yaml", {**OWN, "datasets": {"leaves": {"sorce": "x"}, "first": None}})
    assert [line.partition(". ")[0] for line in refused()] == [
        "params/experiments/mine.yaml: datasets.leaves.source: this key is missing",
        "params/experiments/mine.yaml: datasets.leaves.sorce: this key is not known; did you "
        "mean 'source'?",
    ]


def test_what_was_chosen_holds_for_an_heir_too():
    chosen = {"tuned": {"joint": {"learning_rate": 0.3}}, "groups_round": 2}
    base = {"experiments.toy.tuned": {}, "experiments.toy.chosen": chosen}
    params = read(base)
    assert params.experiments["heir"].tuned == params.experiments["toy"].tuned == chosen["tuned"]
    assert params.experiments["heir"].groups_round == 2
    own = {**base, "experiments.heir.chosen": {"tuned": {"joint": {"learning_rate": 0.5}}}}
    assert read(own).experiments["heir"].tuned == {"joint": {"learning_rate": 0.5}}


@pytest.mark.slow
def test_dvc_leaves_the_files_of_an_experiment_as_they_are_written():
    kept = [file for file in files_of(PROJECT) if file.parent.name in ("experiments", "chosen", "sweeps")]
    for file in [PROJECT / "params.yaml", *kept]:
        if "branches:" in file.read_text():  # lists of layers stand in a line each, for people
            continue
        text = file.read_text()
        stream = io.StringIO()
        dvc_yaml._dump(dvc_yaml.parse_yaml_for_update(text, file), stream)
        assert stream.getvalue() == text, file


def test_the_helper_of_tests_writes_what_it_is_given(tmp_path):
    write_files(tmp_path, BASE)
    params = read_params(tmp_path)
    assert set(params.experiments) == set(BASE["experiments"])
    assert params.experiments["toy"].search == edited({})["experiments"]["toy"]["search"]
