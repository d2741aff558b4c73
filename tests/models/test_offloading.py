"""Networks that wait in files: the same results to the last bit, with one network in memory."""

import mmap
from pathlib import Path

import pytest
import torch
from helpers.resume import interrupted
from helpers.tiny import NORMED, folder_with_data, started
from helpers.training import (
    Training,
    assert_views,
    labelled,
    mlp,
    names,
    parameters,
    run,
    scores,
    training_of,
)

from jointnn.io import paths
from jointnn.methods.settings import MethodSettings
from jointnn.models.offloading import Disk
from jointnn.stages import train
from jointnn.training.updates import gradient_step

BASE = {"batch_size": 8, "steps": 20, "record_every": 5, "learning_rate": 0.05, "rounds": 3}
SOLVERS = {
    "block_coordinate": {"solver": "block_coordinate"},
    "a turn is a step": {"solver": "block_coordinate", "turn": "step", "momentum": 0.0},
    "gradient": {"solver": "block_coordinate", "pull": "gradient", "strength": {"half_life": 20}},
    "proximal": {"solver": "proximal", "strength": {"half_life": 2}},
    "adam": {"solver": "block_coordinate", "optimiser": "adam", "learning_rate": 0.01},
}


def networks_of(folder: Path | None, count: int = 3, frozen: bool = False, **settings) -> Training:
    modules = {name: mlp() for name in names(count)}
    for module in modules.values():
        module.second.requires_grad_(not frozen)
    splits = [labelled(seed) for seed in range(count)]
    home = None if folder is None else Disk(folder, torch.device("cpu"))
    return training_of(modules, splits, scores(), MethodSettings.model_validate({**BASE, **settings}), home)


@pytest.mark.slow
@pytest.mark.parametrize("method", ["isolated", "shareall", "l2reg", "joint"])
@pytest.mark.parametrize("settings", SOLVERS.values(), ids=SOLVERS)
def test_networks_on_disk_learn_what_networks_in_memory_learn(method, settings, tmp_path):
    memory, disk = networks_of(None, **settings), networks_of(tmp_path, **settings)
    for training in (memory, disk):
        run(training, method)
    assert all(map(torch.equal, parameters(memory), parameters(disk)))
    assert memory.history == disk.history
    assert memory.networks.modules["one"].training


@pytest.mark.slow
def test_frozen_layers_and_statistics_go_along(tmp_path):
    settings = {"solver": "block_coordinate", "frozen": True}
    memory, disk = networks_of(None, **settings), networks_of(tmp_path, **settings)
    for training in (memory, disk):
        run(training, "joint")
    assert all(map(torch.equal, parameters(memory), parameters(disk)))


def test_what_is_frozen_and_statistics_go_to_the_device_and_back(tmp_path, monkeypatch):
    training = networks_of(tmp_path, frozen=True)
    one, two = (training.networks.modules[name] for name in ("one", "two"))
    for module in (one, two):
        module.register_buffer("statistics", torch.zeros(2))
    moved, to = [], torch.Tensor.to

    def spied(value: torch.Tensor, device: torch.device, **options) -> torch.Tensor:
        moved.append(value.data_ptr())
        return to(value, device, **options)

    monkeypatch.setattr(torch.Tensor, "to", spied)
    with training.state.at_work(0):
        there = list(moved)
    frozen = [value.data_ptr() for value in one.parameters() if not value.requires_grad]
    for place in [*frozen, one.statistics.data_ptr()]:
        assert there.count(place) == 1 and moved.count(place) == 2
    assert frozen and two.statistics.data_ptr() not in moved


def test_only_the_network_at_work_has_a_gradient_and_is_not_in_a_file(tmp_path):
    training = networks_of(tmp_path, solver="block_coordinate")
    one, two = (training.networks.modules[name] for name in ("one", "two"))
    file = training.rows[0][0].data_ptr()
    assert all(parameter.grad is None for parameter in one.parameters())
    with training.state.at_work(0):
        assert_views_of_rows(training, "one", 0)
        assert training.rows[0][0].data_ptr() != file
        assert all(parameter.grad is not None for parameter in one.parameters())
        assert all(parameter.grad is None for parameter in two.parameters())
        gradient_step(training.state, training.setup, 0, 0, 0.1)
        learned = [row.data.clone() for row in training.rows[0]]
        momentum = [value.clone() for value in training.state.optimizer.states(0)["momentum_buffer"]]
    assert training.rows[0][0].data_ptr() == file
    assert_views_of_rows(training, "one", 0)
    assert all(torch.equal(row.data, value) for row, value in zip(training.rows[0], learned, strict=True))
    kept = training.state.optimizer.states(0)["momentum_buffer"]
    for there, value in zip(kept, momentum, strict=True):
        assert torch.equal(there, value) and value.any()
    assert all(parameter.grad is None for parameter in one.parameters())


def assert_views_of_rows(training, name, index):
    rows = [row.data for row in training.rows[index]]
    for key, view in training.networks.split(name, rows).items():
        assert training.networks.modules[name].get_parameter(key).data_ptr() == view.data_ptr()


def test_an_error_at_work_leaves_the_network_in_its_files(tmp_path):
    training = networks_of(tmp_path)
    with pytest.raises(KeyboardInterrupt), training.state.at_work(1):
        training.rows[1][0].data.fill_(7.0)
        raise KeyboardInterrupt
    assert (training.networks.tensors[0].data[1] == 7).all()
    assert training.rows[1][0].grad is None


def test_a_mapped_tensor_is_its_file(tmp_path):
    path = tmp_path / "folder" / "values"
    value = torch.randn(3, 5)
    tensor = Disk(path.parent, torch.device("cpu")).keep(value, path.name)
    assert torch.equal(tensor, value)
    tensor[1, 2] = 42.0
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        read = torch.frombuffer(bytearray(content), dtype=torch.float32).view(3, 5)
    assert torch.equal(read, tensor)


def test_networks_in_memory_keep_their_gradients_in_stacked_tensors():
    assert_views(networks_of(None))


@pytest.mark.slow
@pytest.mark.parametrize("method", ["isolated", "fedamp"])
def test_a_job_with_networks_on_disk_is_killed_and_goes_on(method, monkeypatch, capsys):
    monkeypatch.chdir(folder_with_data())
    settings = {"others_on_disk": True, "solver": "block_coordinate", "accumulate": 2}
    jobs = started({**settings, "checkpoint_activations": True}, **NORMED)
    folder = paths.method("tiny", 0, method)
    interrupted(lambda: train.run(jobs.train("tiny", 0, method)), folder, monkeypatch, capsys, after=[2])
