"""Networks as views of stacked tensors, and the common start of all networks of a seed."""

import numpy as np
import pytest
import torch
from helpers.jobs import start_of
from helpers.tiny import NORMED, arrays_of, begun, folder_with_data, started
from helpers.training import assert_views, mlp, mlps, run

from jointnn.errors import UserError
from jointnn.io import paths
from jointnn.io.tensors import write_tensors
from jointnn.models.stacked import StackedNetworks
from jointnn.stages import initialise
from jointnn.stages.build import network_of

METHODS = ["isolated", "l2reg", "shareall", "joint"]


@pytest.mark.slow
@pytest.mark.parametrize("optimiser", ["sgd", "adam"])
@pytest.mark.parametrize("method", METHODS)
def test_parameters_and_gradients_stay_views_of_the_stacked_tensors(method, optimiser):
    training = mlps(optimiser=optimiser, learning_rate=0.01)
    assert_views(training)
    module = training.networks.modules["two"]
    before = {name: value.detach().clone() for name, value in module.named_parameters()}
    assert before.keys() == training.networks.places["two"].keys()
    run(training, method)
    assert_views(training)
    for name, value in module.named_parameters():
        if name != "first.linear.bias":  # which batch norm takes away again
            assert not torch.equal(value, before[name])


def test_a_network_may_name_its_own_layers():
    modules = {"one": mlp(), "two": mlp()}
    for module in modules.values():
        module.layers = ["first.linear", "third"]
    networks = StackedNetworks(modules, couple_head=True, couple_batch_norm=False)
    assert networks.layers == ["first.linear", "third"]
    assert [tuple(tensor.shape) for tensor in networks.coupled] == [(2, 36), (2, 28)]


def test_a_network_that_is_only_a_head_cannot_be_coupled_without_it():
    modules = {name: torch.nn.Sequential(torch.nn.Linear(3, 2)) for name in ("one", "two")}
    with pytest.raises(UserError, match="no layer to couple besides its head; couple the head too"):
        StackedNetworks(modules, couple_head=False, couple_batch_norm=False)


@pytest.mark.slow
@pytest.mark.parametrize("network", [{}, NORMED], ids=str)
def test_every_network_of_a_seed_starts_from_the_same_parameters(network, monkeypatch):
    monkeypatch.chdir(folder_with_data())
    jobs = started(**network)
    odd, even = (arrays_of(paths.start("tiny", 0), name) for name in ("odd", "even"))
    assert odd.keys() == even.keys()
    for key, value in odd.items():
        np.testing.assert_array_equal(value, even[key], strict=True)
    job = jobs.train("tiny", 0, "isolated")
    training, _ = begun(job)
    for layer in training.networks.coupled:
        assert torch.equal(layer[0], layer[1])
    assert_views(training)
    initialise.run(jobs.initialise("tiny", 1))
    other = arrays_of(paths.start("tiny", 1), "odd")
    assert any(not np.array_equal(other[key], value) for key, value in odd.items())


def test_networks_with_heads_of_other_sizes_start_equal_before_the_head(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    job = start_of()
    for name, classes in {"three": '["a", "b", "c"]', "five": '["a", "b", "c", "d", "e"]'}.items():
        header = {"dataset": name, "size": 8, "channels": 1, "classes": classes}
        write_tensors(paths.prepared(name, 8), {"labels": np.zeros(1, np.int64)}, header)
    initialise.run(job)
    three, five = (arrays_of(paths.start("x", 0), name) for name in ("three", "five"))
    assert three["head.weight"].shape == (3, 8) and five["head.weight"].shape == (5, 8)
    for key in three:
        if "head" not in key:
            np.testing.assert_array_equal(three[key], five[key], strict=True)
    assert network_of(job, "five").head.out_features == 5
