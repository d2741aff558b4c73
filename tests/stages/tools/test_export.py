"""export: the networks of a finished run as ordinary state dicts, and load, which gives them back."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from helpers.params import write_files
from helpers.tiny import folder_with_data
from safetensors.torch import load_file

import jointnn
from jointnn.__main__ import main
from jointnn.io.yaml import from_yaml
from jointnn.jobs.graph import Jobs
from jointnn.parameters.load import read_params
from jointnn.stages import initialise, train
from jointnn.training import checkpoints

PARAMS = from_yaml("""
default: [tiny]
presets: {default: {}}
datasets:
  odd: {source: optical_digits, part: 1/2, pool: 60}
  even: {source: optical_digits, part: 2/2, pool: 60}
experiments:
  tiny:
    task: classification
    architecture: small_conv
    architecture_options: {width: 2}
    datasets: [odd, even]
    image_size: 8
    channels: 1
    train_images: 20
    validation_images: 20
    seeds: [0, 1]
    methods: [isolated, fedamp]
    settings: {steps: 12, batch_size: 4, record_every: 6, rounds: 3, learning_rate: 0.05}
""")


@pytest.fixture
def run(monkeypatch) -> str:
    """A finished run of fedamp; its state."""
    monkeypatch.chdir(folder_with_data())
    write_files(Path.cwd(), PARAMS)
    jobs = Jobs(read_params())
    initialise.run(jobs.initialise("tiny", 0))
    train.run(jobs.train("tiny", 0, "fedamp"))
    return "runs/tiny/s0/fedamp/state.safetensors"


def export(*words: str) -> int:
    return main(["export", "tiny", "--to", "networks", *words])


@pytest.mark.slow
def test_an_exported_network_is_an_ordinary_state_dict_that_load_gives_back(run, capsys):
    assert export("--method", "fedamp") == 0
    trained = {
        name: value
        for name, value in checkpoints.read(run, {})[0].items()
        if name.startswith("networks/even/")
    }
    found = load_file("networks/even.safetensors")
    assert found.keys() == {name.removeprefix("networks/even/") for name in trained}
    network = jointnn.load("networks/even.safetensors")
    assert not network.training
    for name, value in network.state_dict().items():
        assert torch.equal(value, found[name])
        assert torch.equal(value, trained[f"networks/even/{name}"])
    _, lines, command = capsys.readouterr().out.split("\n\n")
    assert command == "python -m jointnn predict networks/even.safetensors images --to predictions.csv\n"
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            f"import torch; images = torch.zeros(2, 1, 8, 8)\n{lines}\nprint(outputs.shape)",
        ],
        env={"PYTHONPATH": str(Path(jointnn.__file__).parents[1])},
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout == "torch.Size([2, 10])\n", "the lines that export prints load a network"


@pytest.mark.slow
def test_what_cannot_be_exported_is_refused_with_a_sentence(run, capsys):
    def sentence(*words: str) -> str:
        capsys.readouterr()
        assert export(*words) == 1
        return capsys.readouterr().err

    assert "tiny does not train 'joint', but isolated, fedamp" in sentence()
    assert "No method is named 'fedamq'" in sentence("--method", "fedamq")
    assert "tiny has the seeds 0, 1, not 2" in sentence("--method", "fedamp", "--seed", "2")
    assert "tiny was not run for isolated, seed 0. Run it: snakemake tiny" in sentence(
        "--method", "isolated"
    )
    file = Path("params/experiments/tiny.yaml")
    file.write_text(file.read_text().replace("0.05", "0.04"))
    said = sentence("--method", "fedamp")
    assert f"with other settings or other images than there are now ({run})" in said
    assert "Run it again, snakemake tiny, or undo the change." in said
    assert main(["export", "tinny", "--to", "networks"]) == 1


@pytest.mark.slow
def test_a_file_that_holds_no_network_is_refused(tmp_path, run):
    with pytest.raises(jointnn.UserError, match=r"is no file\. `jointnn export` writes"):
        jointnn.load(tmp_path / "gone.safetensors")
    with pytest.raises(jointnn.UserError, match="it is the state of a whole run, tiny, fedamp"):
        jointnn.load(run)
