"""Steps, batches, records, averages and divergence of a trainer."""

import math
import shutil

import numpy as np
import pytest
import torch
from test_departures import without_pull_of_data
from torch.testing import assert_close
from training_helpers import (
    additive,
    files_of,
    folder_with_data,
    jobs_of,
    mlps,
    parameters,
    regression,
    run,
)

from jointnn import files, paths
from jointnn.data import Batches, Split, check_labels, draw, generator
from jointnn.errors import DivergedError, UserError
from jointnn.experiment import device_of, network_of, trainer_of
from jointnn.networks import Networks
from jointnn.running import load_start
from jointnn.stages import attempt, initialise, train

METHODS = ["isolated", "l2reg", "shareall", "joint"]


# Networks as views of stacked tensors.


def assert_views(trainer) -> None:
    networks = trainer.networks
    for dataset, module in networks.modules.items():
        for name, place in networks.places[dataset].items():
            parameter, tensor = module.get_parameter(name), networks.tensors[place.slot]
            assert parameter.data_ptr() == place.view([t.data for t in networks.tensors]).data_ptr()
            assert parameter.grad.data_ptr() == place.view([t.grad for t in networks.tensors]).data_ptr()
            assert tensor.shape[0] in (1, len(networks.modules))


@pytest.mark.parametrize("optimiser", ["sgd", "adam"])
@pytest.mark.parametrize("method", METHODS)
def test_parameters_and_gradients_stay_views_of_the_stacked_tensors(method, optimiser):
    trainer = mlps(optimiser=optimiser, learning_rate=0.01)
    assert_views(trainer)
    module = trainer.networks.modules["two"]
    before = {name: value.detach().clone() for name, value in module.named_parameters()}
    assert before.keys() == trainer.networks.places["two"].keys()
    run(trainer, method)
    assert_views(trainer)
    for name, value in module.named_parameters():
        if name != "first.linear.bias":  # which batch norm takes away again
            assert not torch.equal(value, before[name])


def test_a_network_may_name_its_own_layers():
    from training_helpers import mlp

    modules = {"one": mlp(), "two": mlp()}
    for module in modules.values():
        module.layers = ["first.linear", "third"]
    networks = Networks(modules, couple_head=True, couple_batch_norm=False)
    assert networks.layers == ["first.linear", "third"]
    assert [tuple(tensor.shape) for tensor in networks.coupled] == [(2, 36), (2, 28)]


def test_a_network_that_is_only_a_head_cannot_be_coupled_without_it():
    modules = {name: torch.nn.Sequential(torch.nn.Linear(3, 2)) for name in ("one", "two")}
    with pytest.raises(UserError, match="no layer to couple besides its head; couple the head too"):
        Networks(modules, couple_head=False, couple_batch_norm=False)


# Order and draws.


def test_batches_are_a_pure_function_of_seed_dataset_and_step():
    order = [Batches(10, 4, 0, "one").at(step).tolist() for step in (7, 0, 3)]
    ahead = Batches(10, 4, 0, "one")
    forward = [ahead.at(step).tolist() for step in range(8)]
    assert order == [forward[step] for step in (7, 0, 3)]
    assert order == [ahead.at(step).tolist() for step in (7, 0, 3)], "asked for again"
    for other in (Batches(10, 4, 1, "one"), Batches(10, 4, 0, "two")):
        assert [other.at(step).tolist() for step in (7, 0, 3)] != order


@pytest.mark.parametrize(("size", "batch_size"), [(10, 4), (7, 7), (3, 8), (60, 32)])
def test_every_epoch_holds_every_image_once_in_a_fresh_order_and_every_batch_is_full(size, batch_size):
    batches = Batches(size, batch_size, 0, "one")
    sequence = [batches.at(step) for step in range(5 * size)]
    assert {len(batch) for batch in sequence} == {batch_size}
    epochs = torch.cat(sequence).split(size)[: 5 * batch_size]
    assert all(sorted(epoch.tolist()) == list(range(size)) for epoch in epochs)
    assert len({tuple(epoch.tolist()) for epoch in epochs}) > 1


LABELS = np.array([0] * 30 + [1] * 12 + [2] * 18)


@pytest.mark.parametrize("seed", range(3))
def test_draws_are_disjoint_and_balanced(seed):
    train_, validation = draw(LABELS, seed, "one", 18, 12)
    assert len(train_) == 18 and len(validation) == 12
    assert not set(train_.tolist()) & set(validation.tolist())
    assert np.bincount(LABELS[validation]).tolist() == [4, 4, 4]
    assert np.bincount(LABELS[train_]).tolist() == [6, 6, 6]


def test_draws_differ_by_seed_and_dataset_and_validation_does_not_depend_on_the_training_images():
    draws = {key: draw(LABELS, *key, 18, 12)[0].tolist() for key in [(0, "one"), (1, "one"), (0, "two")]}
    assert len(set(map(tuple, draws.values()))) == 3
    few, many = draw(LABELS, 0, "one", 6, 12), draw(LABELS, 0, "one", None, 12)
    assert torch.equal(few[1], many[1])
    assert len(many[0]) == 60 - 12 and torch.equal(many[0][:6], few[0])


def test_more_images_than_there_are_cannot_be_drawn():
    with pytest.raises(
        UserError, match=r"one has 60 images to draw from, but .* 50 for training and 12 for"
    ):
        draw(LABELS, 0, "one", 50, 12)


def test_a_label_without_an_output_is_refused():
    with pytest.raises(UserError, match="one has the label 3, but names 3 classes"):
        check_labels([0, 2, 3], 3, "one")
    check_labels([0, 2], 3, "one")


def test_a_random_generator_is_a_pure_function_of_its_key():
    values = {
        key: torch.rand(1, generator=generator(*key)).item() for key in [(0, "a"), (1, "a"), (0, "b")]
    }
    assert len(set(values.values())) == 3
    assert torch.rand(1, generator=generator(0, "a")).item() == values[0, "a"]


# Steps, records and averages.


def test_mixing_happens_every_so_many_steps_with_a_step_as_much_larger():
    trainer = without_pull_of_data(
        steps=6, mix_every=3, strength={"lambda": 2}, learning_rate=0.01, momentum=0.5, record_every=1
    )
    start = trainer.networks.coupled[1].data.diff(dim=0)
    ratios = {}

    def look():
        ratios[trainer.step] = (trainer.networks.coupled[1].data.diff(dim=0) / start).mean().item()

    run(trainer, "l2reg", look)
    factor = 1 / (1 + 2 * (3 * 0.01 / 0.5) * 3 * 2 * 2)
    expected = [1, 1, factor, factor, factor, factor**2]
    assert list(ratios.values()) == pytest.approx(expected)


def test_the_learning_rate_of_every_step_is_what_the_schedule_says():
    trainer = mlps(schedule="cosine", record_every=1, steps=10, learning_rate=0.1)
    run(trainer, "isolated")
    rates = [row[4] for row in trainer.history if row[3] == "learning_rate"]
    assert rates == pytest.approx([0.05 * (1 + math.cos(math.pi * t / 10)) for t in range(10)])


def test_records_come_at_their_steps_and_at_the_end_of_each_phase_with_mean_losses():
    fine, coarse = (mlps(record_every=n, rounds=2, l2_fraction=0.3) for n in (1, 5))
    for trainer in (fine, coarse):
        run(trainer, "joint")
    steps = sorted({row[0] for row in coarse.history})
    assert steps == [5, 6, 10, 13, 15, 20]

    def losses(trainer, name):
        return {row[0]: row[4] for row in trainer.history if row[1:4] == ("train", name, "loss")}

    for name in coarse.names:
        each = losses(fine, name)
        for before, step in zip([0, *steps], steps, strict=False):
            expected = np.mean([each[t] for t in range(before + 1, step + 1)])
            assert losses(coarse, name)[step] == pytest.approx(expected, rel=1e-6)
    kinds = {row[1:4] for row in coarse.history if row[0] == 20}
    assert ("validation", "one", "accuracy") in kinds and ("train", "all", "squared_distance") not in kinds
    assert_close(parameters(fine), parameters(coarse), rtol=0, atol=0)


def test_measuring_between_steps_leaves_no_trace_in_batch_norm():
    often, never = mlps(record_every=1), mlps(record_every=1000)
    for trainer in (often, never):
        run(trainer, "shareall")
    assert all(map(torch.equal, parameters(often), parameters(never)))
    assert often.networks.modules["one"].training


@pytest.mark.parametrize("solver", ["proximal", "block_coordinate"])
def test_distances_are_those_of_parameters_averaged_over_the_last_half_of_a_round(solver):
    trainer = additive(
        [regression(i, torch.full((9,), float(i), dtype=torch.float64)) for i in range(3)],
        **{
            "steps": 20,
            "record_every": 1,
            "rounds": 2,
            "l2_fraction": 0.5,
            "solver": solver,
            "turn": "step",
        },
    )
    layers: dict[int, list[torch.Tensor]] = {}
    averages: dict[int, list[torch.Tensor]] = {}

    def look():
        layers[trainer.step] = [layer.detach().clone() for layer in trainer.networks.coupled]
        averages[trainer.step] = [layer.clone() for layer in trainer.average]

    progress = run(trainer, "joint", look)
    # Phases of 10, 5 and 5 steps; a half of 5 begins after 2.
    for last, first in {10: 6, 15: 13, 20: 18}.items():
        for k in range(3):
            mean = torch.stack([layers[step][k] for step in range(first, last + 1)]).mean(0)
            assert_close(averages[last][k], mean)
    mean = averages[20][1]
    expected = (mean[0] - mean[2]).square().sum()
    assert_close(progress.layer_distances_squared[1, 0, 2], expected)


def test_without_averaging_distances_are_those_of_the_last_parameters():
    trainer = mlps(average=False)
    progress = run(trainer, "joint")
    layer = trainer.networks.coupled[2].detach()
    assert_close(progress.layer_distances_squared[2, 0, 1], (layer[0] - layer[1]).square().sum())


# Divergence.


@pytest.mark.parametrize("solver", ["proximal", "block_coordinate"])
def test_a_diverged_run_stops_with_method_dataset_step_and_advice(solver):
    trainer = mlps(learning_rate=1e4, steps=40, solver=solver)
    with pytest.raises(DivergedError) as error:
        run(trainer, "l2reg")
    first = next(f"the loss of {name} at step " for name in trainer.names if name in str(error.value))
    assert str(error.value).startswith(f"toy diverged: {first}")
    assert "Lower learning_rate (now 10000), or raise batch_size." in str(error.value)
    assert trainer.step < 40 and issubclass(DivergedError, UserError)


@pytest.mark.parametrize("poison", [math.nan, math.inf, 1e9])
def test_a_loss_that_is_no_number_or_explodes_is_named_with_its_step(poison):
    trainer = mlps(steps=20, record_every=5)
    which, inner = trainer.networks.modules["two"], trainer.task.loss
    counted = []

    class poisoned(type(trainer.task)):  # noqa: N801
        def loss(self, network, batch):
            counted.append(network)
            at_step_7 = network is which and sum(n is which for n in counted) == 8
            return inner(network, batch) + (poison if at_step_7 else 0)

    trainer.task = poisoned()
    with pytest.raises(
        DivergedError, match=r"toy diverged: the loss of two at step 7 is (nan|inf|1e\+09)\."
    ):
        run(trainer, "isolated")
    assert {row[0] for row in trainer.history} == {5}, "what came before is kept"


# The stages, on small data.


@pytest.fixture
def tiny(monkeypatch):
    """In a folder with the data and the common start of `tiny`: gives its jobs."""
    monkeypatch.chdir(folder_with_data())

    def make(settings=None, **experiment):
        jobs = jobs_of(settings, **experiment)
        initialise.run(jobs.initialise("tiny", 0))
        return jobs

    return make


@pytest.mark.parametrize(
    "network", [{}, {"architecture": "training_helpers:normed_conv", "architecture_options": {}}], ids=str
)
def test_every_network_of_a_seed_starts_from_the_same_parameters(tiny, network):
    jobs = tiny(**network)
    odd, even = (files.read_tensors(paths.network(paths.start("tiny", 0), n))[0] for n in ("odd", "even"))
    assert odd.keys() == even.keys()
    for key, value in odd.items():
        np.testing.assert_array_equal(value, even[key], strict=True)
    job = jobs.train("tiny", 0, "isolated")
    trainer, _ = trainer_of(job)
    load_start(trainer, job)
    for layer in trainer.networks.coupled:
        assert torch.equal(layer[0], layer[1])
    assert_views(trainer)
    initialise.run(jobs.initialise("tiny", 1))
    other, _ = files.read_tensors(paths.network(paths.start("tiny", 1), "odd"))
    assert any(not np.array_equal(other[key], value) for key, value in odd.items())


def test_networks_with_heads_of_other_sizes_start_equal_before_the_head(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    job = {"experiment": "x", "seed": 0, "size": 8, "channels": 1, "datasets": ["three", "five"]}
    job |= {"architecture": "small_conv", "architecture_options": {"width": 2}, "stage": "initialise"}
    for name, classes in {"three": '["a", "b", "c"]', "five": '["a", "b", "c", "d", "e"]'}.items():
        header = {"dataset": name, "size": 8, "channels": 1, "classes": classes}
        files.write_tensors(paths.prepared(name, 8), {"labels": np.zeros(1, np.int64)}, header)
    initialise.run({**job, "start": paths.start("x", 0)})
    three, five = (files.read_tensors(paths.network(paths.start("x", 0), n))[0] for n in ("three", "five"))
    assert three["network/head.weight"].shape == (3, 8) and five["network/head.weight"].shape == (5, 8)
    for key in three:
        if "head" not in key:
            np.testing.assert_array_equal(three[key], five[key], strict=True)
    assert network_of(job, "five").head.out_features == 5


def test_a_diverged_job_names_experiment_seed_and_method_and_writes_no_networks(tiny):
    jobs = tiny({"learning_rate": 1e5})
    with pytest.raises(
        DivergedError, match=r"tiny, seed 0, isolated diverged: the loss of (odd|even) at step"
    ):
        train.run(jobs.train("tiny", 0, "isolated"))
    assert not files_of("runs/tiny/s0/isolated")


def test_a_diverged_point_of_the_search_is_an_answer(tiny):
    grid = {"isolated": {"learning_rate": [0.05, 1e5]}}
    jobs = tiny(search=grid)
    for point in (0, 1):
        job = jobs.attempt("tiny", "isolated", point)
        initialise.run(jobs.initialise("tiny", 1000, job["start"]))
        attempt.run(job)
    good, bad = (files.read_json(f"search/tiny/isolated/point_{k}.json") for k in (0, 1))
    assert 0 <= good["accuracy"] <= 1 and good["diverged"] is None
    assert bad["accuracy"] is None and "tiny, seed 1000, isolated diverged" in bad["diverged"]


def test_only_reported_seeds_measure_the_test_split(tiny, tmp_path, monkeypatch):
    jobs = tiny(search={"isolated": {"learning_rate": [0.05]}})
    assert jobs.train("tiny", 0, "isolated")["curves"] is True
    job = jobs.attempt("tiny", "isolated", 0)
    initialise.run(jobs.initialise("tiny", 1000, job["start"]))
    shutil.copytree(".", tmp_path, ignore=shutil.ignore_patterns("*-test.safetensors"), dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    attempt.run(job)
    with pytest.raises(UserError, match=r"-8-test.safetensors could not be read"):
        train.run(jobs.train("tiny", 0, "isolated"))


def test_a_device_that_is_not_there_is_refused():
    assert device_of("cpu") == torch.device("cpu")
    with pytest.raises(UserError, match=r"device: 'warp' is not to be had here. Set device: auto"):
        device_of("warp")


def test_methods_see_the_same_batches_whatever_their_settings():
    first, second = mlps(strength={"half_life": 1}), mlps(momentum=0.1, solver="block_coordinate")
    for one, other in zip(first.batches, second.batches, strict=True):
        assert torch.equal(one.at(11), other.at(11))
    assert isinstance(first.data["one"].train, Split)
