"""load: what it says of a file that is no network, and what it leaves as it was."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.dataset import picture
from safetensors.numpy import save

import jointnn
from jointnn.io.tensors import write_tensors
from jointnn.models.architectures import architecture
from jointnn.models.saved import make_network, write_network
from jointnn.stages.tools.finished import without_start

MADE_OF = {"name": "small_conv", "options": {"width": 2}, "classes": 3, "channels": 1, "size": 8}


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def write(path: str = "one.safetensors", **made_of) -> torch.nn.Module:
    whole = MADE_OF | made_of
    network = make_network(**MADE_OF)
    write_network(path, network, whole, {})
    return network


def refused(path: str) -> str:
    with pytest.raises(jointnn.UserError) as error:
        jointnn.load(path)
    assert str(error.value).startswith(path)
    return str(error.value)


def test_load_gives_the_network_in_evaluation_mode_and_leaves_random_numbers_as_they_were():
    written = write()
    torch.manual_seed(5)
    network = jointnn.load("one.safetensors")
    found = torch.rand(3)
    torch.manual_seed(5)
    assert torch.equal(found, torch.rand(3))
    assert not network.training
    for name, value in written.state_dict().items():
        assert torch.equal(network.state_dict()[name], value)


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"", "an empty file"),
        (b"path,predicted\n", "a text"),
        ("Eichenbl\u00e4tter".encode() * 60, "a text"),
        (json.dumps({"a": 1}).encode(), "a text"),
        (picture(3), "an image"),
        (b"PK\x03\x04" + bytes(99), "a zip file, as torch.save writes too: a pickle"),
        (b"\x80\x02}q\x00.", "a pickle"),
        (b"PAR1" + bytes(99), "a Parquet file"),
        (b"\xfe\xff\xfe" * 99, "a file of an unknown kind"),
        (save({"a": np.zeros(3)}), "a safetensors file that jointnn did not write, or a part of one"),
    ],
)
def test_a_file_of_another_kind_is_named_as_what_it_is(content, what):
    Path("other.bin").write_bytes(content)
    said = refused("other.bin")
    assert said.startswith(f"other.bin holds no single network, it is {what}")
    assert "damaged" not in said and "run its job" not in said


@pytest.mark.parametrize(
    ("header", "what"),
    [
        ({"kind": "images", "dataset": "leaves"}, "the images of leaves"),
        ({"kind": "evidence", "experiment": "mine"}, "the evidence of mine"),
        ({"experiment": "mine", "method": "joint"}, "the state of a whole run, mine, joint"),
    ],
)
def test_another_file_of_ours_is_named_as_what_it_is(header, what):
    write_tensors("other.safetensors", {"a": np.zeros(2)}, header)
    assert f"holds no single network, it is {what}. `jointnn export`" in refused("other.safetensors")


def test_a_folder_names_the_networks_in_it():
    write("networks/leaves.safetensors")
    write("networks/petals.safetensors")
    assert refused("networks") == (
        "networks is a folder. Load a file in it: leaves.safetensors, petals.safetensors."
    )
    assert refused(".").endswith("is a folder. Load a file.")


def test_a_network_that_was_cut_off_is_damaged():
    write()
    content = Path("one.safetensors").read_bytes()
    Path("one.safetensors").write_bytes(content[:-40])
    assert re.match(r"one\.safetensors is damaged: .* Get it again\.$", refused("one.safetensors"))
    Path("one.safetensors").write_bytes(content[:100])
    assert "or a part of one" in refused("one.safetensors")


def test_a_network_whose_architecture_has_changed_or_is_ones_own_and_not_there_is_refused():
    write(classes=4)
    assert "does not fit its architecture as it is now" in refused("one.safetensors")
    write(name="no_such_module_here:tiny")
    assert refused("one.safetensors") == (
        "one.safetensors needs the architecture no_such_module_here:tiny, its author's own, and there is "
        "no module 'no_such_module_here' here. Ask for that file, and put its folder on Python's path "
        "(PYTHONPATH)."
    )
    write(name="jointnn.io.paths:tiny")
    assert "there is no 'tiny' in the module 'jointnn.io.paths' here" in refused("one.safetensors")


def test_an_exported_network_is_made_without_the_weights_that_it_began_with(monkeypatch):
    architecture.load()
    assert without_start("inception_v3", {}) == {"weights": "none"}
    assert without_start("efficientnet_lite0_end", {"dropout": 0.1}) == {
        "dropout": 0.1,
        "pretrained": False,
    }
    assert without_start("small_conv", {"width": 3}) == {"width": 3}


def test_a_file_without_what_a_prediction_needs_says_so():
    write()
    with pytest.raises(jointnn.UserError, match=r"does not say what its network takes and gives \(task, "):
        jointnn.Predictor.load("one.safetensors")
