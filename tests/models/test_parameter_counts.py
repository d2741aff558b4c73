"""The networks of the project's joint auto-encoders: equal parameters, a page that is up to date."""

import shutil
from pathlib import Path

import pytest
from helpers.params import PROJECT

from jointnn.__main__ import main
from jointnn.models.parameter_counts import together
from jointnn.models.stacked import StackedNetworks
from jointnn.parameters.load import read_params
from jointnn.parameters.resolve import merged_settings
from jointnn.stages.tools.jae_layers import PATH, network

PARAMS = read_params(PROJECT)
WITH_PAIRS = [name for name, chosen in PARAMS.experiments.items() if "pair" in chosen.methods]


@pytest.mark.slow
@pytest.mark.parametrize("name", WITH_PAIRS)
def test_a_pair_has_as_many_parameters_as_the_joint_auto_encoder(name):
    experiment, count = PARAMS.experiments[name], len(PARAMS.experiments[name].datasets)
    tied = merged_settings(PARAMS, name, "jae")["tied"]
    jae = together([network(experiment)] * count, tied)
    pair = together([network(experiment, "pair")] * count, [])
    assert pair == pytest.approx(jae, rel=0.01)


@pytest.mark.parametrize("method", ["jae", "jae_found"])
def test_what_is_counted_is_what_is_trained(method):
    experiment = PARAMS.experiments["jae_mnist"]
    tied = merged_settings(PARAMS, "jae_mnist", method)["tied"]
    modules = {name: network(experiment) for name in experiment.datasets}
    trained = StackedNetworks(modules, couple_head=True, couple_batch_norm=False, tied=tied).tensors
    assert sum(tensor.numel() for tensor in trained) == together(list(modules.values()), tied)


def test_a_layer_that_is_named_twice_is_counted_once():
    networks = [network(PARAMS.experiments["jae_mnist"])] * 2
    assert together(networks, ["shared", "shared.conv1"]) == together(networks, ["shared"])


def test_there_are_experiments_with_pairs():
    assert len(WITH_PAIRS) >= 6


@pytest.mark.slow
def test_the_page_of_layers_is_up_to_date(monkeypatch):
    monkeypatch.chdir(PROJECT)
    assert main(["jae_layers", "--check"]) == 0


@pytest.mark.slow
def test_a_page_of_other_layers_is_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    shutil.copy(PROJECT / "params.yaml", "params.yaml")
    shutil.copytree(PROJECT / "params", "params")
    Path(PATH).parent.mkdir()
    shutil.copy(PROJECT / PATH, PATH)
    file = Path("params/experiments/jae_mnist.yaml")
    file.write_text(file.read_text().replace("dense 875", "dense 876"))
    assert main(["jae_layers", "--check"]) == 1
    assert f"{PATH} is not that of params.yaml" in capsys.readouterr().err
    assert main(["jae_layers"]) == 0
    assert main(["jae_layers", "--check"]) == 0
