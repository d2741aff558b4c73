"""Parameters are checked once; every change of it, of the code or of an own network is seen."""

from pathlib import Path

import pytest
from helpers.params import write

from jointnn.errors import UserError
from jointnn.io.files import write_atomically
from jointnn.jobs import kept_params
from jointnn.parameters import load

OWN = "import torch\n\n\ndef network(classes, channels, size, width):\n    return width\n"


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def checks(monkeypatch) -> list[str]:
    """A word for each time that they were read and checked."""
    done, read = [], load.read_params
    monkeypatch.setattr(load, "read_params", lambda: done.append("checked") or read())
    return done


def test_what_was_read_once_is_not_checked_again(checks):
    write({"experiments.toy.settings.scale_factor": float("inf")})
    first = kept_params.read_kept_params()
    assert kept_params.read_kept_params() == first == load.read_params()
    assert checks == ["checked", "checked"]  # the second is this test's own
    assert kept_params.read_kept_params().experiments["toy"].settings["scale_factor"] == float("inf")


def test_an_edit_and_a_mistake_are_seen(checks):
    write({})
    kept_params.read_kept_params()
    write({"experiments.toy.seeds": [5]})
    assert kept_params.read_kept_params().experiments["toy"].seeds == [5]
    write({"experiments.toy.seeds": [-5]})
    for _ in range(2):
        with pytest.raises(UserError, match=r"params/experiments/toy\.yaml: seeds"):
            kept_params.read_kept_params()
    assert len(checks) == 4


def test_changed_code_is_seen(checks, monkeypatch, tmp_path):
    write({})
    kept_params.read_kept_params()
    monkeypatch.setattr(kept_params, "PACKAGE", tmp_path)
    kept_params.read_kept_params()
    Path("new.py").write_text("")
    kept_params.read_kept_params()
    assert len(checks) == 3


def test_an_own_network_that_loses_an_option_is_seen(checks):
    Path("mine.py").write_text(OWN)
    write(
        {
            "experiments.toy.architecture": "mine:network",
            "experiments.heir.architecture": "mine:network",
        }
    )
    kept_params.read_kept_params()
    kept_params.read_kept_params()
    assert len(checks) == 1
    Path("mine.py").unlink()
    with pytest.raises(UserError, match="mine"):
        kept_params.read_kept_params()


def test_a_file_that_comes_or_goes_is_seen(checks):
    write({})
    kept_params.read_kept_params()
    Path("params/chosen").mkdir()
    Path("params/chosen/toy.yaml").write_text("groups_round: 2\n")
    assert kept_params.read_kept_params().experiments["toy"].groups_round == 2
    Path("params/chosen/toy.yaml").unlink()
    assert kept_params.read_kept_params().experiments["toy"].groups_round is None
    assert len(checks) == 3


@pytest.mark.parametrize("text", ["", "{", "[]", '{"of": 1}'])
def test_a_damaged_copy_is_none(checks, text):
    write({})
    kept_params.read_kept_params()
    write_atomically(kept_params.KEPT, text.encode())
    kept_params.read_kept_params()
    assert len(checks) == 2
