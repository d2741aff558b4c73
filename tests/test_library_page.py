"""docs/library.md: its code runs, says what the page says, and gives the networks of the pipeline."""

import importlib
import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from helpers.library import (
    OF_IMAGES,
    OF_LIGHTNING,
    block_with,
    core_script,
    export_beside,
    told_by_the_page,
    told_in,
)
from helpers.params import PROJECT
from PIL import Image
from torch import nn
from torch.nn import functional

import jointnn
from jointnn.jobs.graph import Jobs
from jointnn.parameters.load import read_params
from jointnn.stages import fetch, initialise, prepare
from jointnn.stages.build import build, network_of, prepared_split, start_of
from jointnn.training.gradients import batch_of
from jointnn.training.loop import learn
from jointnn.training.predictor import Use
from jointnn.training.state import State, put_module, within

OF_PAGE = {"steps": 400, "learning_rate": 0.02, "strength": {"half_life": 3}, "schedule": "constant"}
"""Settings of the loops of the page, as params/experiments/digits.yaml has them."""


@pytest.mark.slow
def test_the_code_of_the_page_runs_and_says_what_the_page_says(tmp_path):
    export_beside(tmp_path)
    (tmp_path / "page.py").write_text(core_script())
    done = subprocess.run(
        [sys.executable, "-W", "error", "page.py"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    said = told_by_the_page()
    assert len(said) == 9
    for words in said:
        assert words in done.stdout


@pytest.mark.slow
def test_the_lines_that_predict_say_what_the_page_says(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    use = Use("leaves", "classification", {}, ["beech", "oak"], 32, 3, "crop")
    export_beside(tmp_path, use.notes())
    Path("my_photos").mkdir()
    for k in (1, 2):
        Image.new("RGB", (40, 50 + k), (90 * k, 20, 40)).save(f"my_photos/{k}.jpg")
    names = {"jointnn": jointnn}
    exec(block_with(OF_IMAGES), names)
    assert capsys.readouterr().out.splitlines() == told_in(block_with(OF_IMAGES))
    assert set(names["best"]) <= {"beech", "oak"} and len(names["best"]) == 2


@pytest.fixture(scope="module")
def digits(tmp_path_factory):
    """The first three datasets of `digits`, as a folder in which its jobs run."""
    folder, before = tmp_path_factory.mktemp("digits"), Path.cwd()
    params = read_params(PROJECT)
    whole = params.experiments["digits"]
    first = {
        "datasets": whole.datasets[:3],
        "train_images": None,  # as fit takes a dataset: a fifth for validation, the rest to learn from
        "validation_images": 72,
        "groups": {},
        "methods": ["joint"],
        "tuned": {},
    }
    os.chdir(folder)
    jobs = jobs_with(params, first, {})
    for dataset in first["datasets"]:
        fetch.run(jobs.fetch(dataset))
        prepare.run(jobs.prepare(dataset, whole.image_size))
    initialise.run(jobs.initialise("digits", 0))
    yield lambda settings: jobs_with(params, first, settings).train("digits", 0, "joint")
    os.chdir(before)


def jobs_with(params, problem, settings) -> Jobs:
    whole = params.experiments["digits"]
    chosen = whole.model_copy(update={**problem, "settings": {**whole.settings, **settings}})
    return Jobs(params.model_copy(update={"experiments": {"digits": chosen}}))


def by_the_pipeline(job) -> State:
    state, setup, plan = build(job)
    state.put(start_of(job))
    for _ in learn(state, setup, plan):
        pass
    return state


def around_the_block(job) -> dict:
    """Return the names that blocks of the page find: datasets, their batches, the network at its start."""
    _, setup, _ = build(job)

    def batch(name, step):
        found = batch_of(setup, setup.names.index(name), step)
        return found.images, found.labels

    def network():
        made, first = network_of(job, setup.names[0]).train(), setup.names[0]
        put_module(made, within(start_of(job), f"networks/{first}"), first)
        return made

    pools = {name: prepared_split(job, name, test=False)[0] for name in setup.names}
    datasets = {name: (pool.images, pool.labels) for name, pool in pools.items()}
    names = {"jointnn": jointnn, "torch": torch, "nn": nn, "functional": functional}
    return names | {"datasets": datasets, "batch": batch, "network": network}


def assert_same(networks, state) -> None:
    for name, module in state.networks.modules.items():
        expected = module.state_dict()
        for key, value in networks[name].state_dict().items():
            torch.testing.assert_close(value, expected[key], rtol=0, atol=0)


@pytest.mark.slow
def test_two_lines_in_a_loop_of_ones_own_give_the_networks_of_the_pipeline(digits):
    job = digits(OF_PAGE)
    state, names = by_the_pipeline(job), around_the_block(job)
    exec(block_with("couple_head=True)\ncoupling.attach(optimizer)\nfor step in range(400)"), names)
    assert_same(names["nets"], state)
    assert torch.equal(names["coupling"].weights, state.rounds[-1].weights)
    assert torch.equal(names["coupling"].sigma, state.sigma)
    assert names["coupling"].rounds == len(state.rounds) == 6


@pytest.mark.slow
def test_rounds_that_are_ended_by_hand_give_the_networks_of_the_pipeline(digits):
    job = digits({**OF_PAGE, "l2_fraction": 1 / 8, "rounds": 7})
    state, names = by_the_pipeline(job), around_the_block(job)
    exec(block_with("coupling.reweight()"), names)
    assert_same(names["nets"], state)
    assert names["coupling"].rounds == 8  # the last one after the last step


@pytest.mark.slow
def test_fit_gives_the_networks_and_the_history_of_the_pipeline(digits):
    job = digits(OF_PAGE | {"record_every": 100})
    state, names = by_the_pipeline(job), around_the_block(job)
    exec(block_with("fitted = jointnn.fit(datasets, network(),"), names)
    fitted = names["fitted"]
    assert_same(fitted.networks, state)
    assert torch.equal(fitted.weights, state.rounds[-1].weights)
    assert torch.equal(fitted.sigma, state.sigma)
    assert [tuple(row) for row in fitted.history] == [row for row in state.history if row[1] != "test"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")  # Lightning's own advice
def test_the_callback_of_lightning_couples_as_the_loop_does(tmp_path, monkeypatch):
    lightning = importlib.import_module(OF_LIGHTNING)
    monkeypatch.chdir(tmp_path)
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    names = {}
    exec(block_with("datasets = {}"), names)
    exec(block_with(OF_LIGHTNING), names)
    batches = [{name: names["batch"](name, step) for name in names["datasets"]} for step in range(40)]

    class Together(lightning.LightningModule):
        def __init__(self):
            super().__init__()
            self.nets = nn.ModuleDict({name: names["network"]() for name in names["datasets"]})

        def training_step(self, batch, _index):
            return sum(functional.cross_entropy(self.nets[n](x), y) for n, (x, y) in batch.items())

        def configure_optimizers(self):
            return torch.optim.SGD(self.parameters(), lr=0.02, momentum=0.9)

    module = Together()
    coupling = jointnn.Coupling(module.nets, half_life=3, steps=40)
    training = lightning.Trainer(
        max_epochs=1,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=[names["Couple"](coupling)],
    )
    training.fit(module, torch.utils.data.DataLoader(batches, batch_size=None))

    own = Together()
    alone = jointnn.Coupling(own.nets, half_life=3, steps=40)
    optimizer = own.configure_optimizers()
    alone.attach(optimizer)
    for batch in batches:
        own.training_step(batch, 0).backward()
        optimizer.step()
        optimizer.zero_grad()
    assert coupling.rounds == 6
    for value, expected in zip(module.state_dict().values(), own.state_dict().values(), strict=True):
        assert torch.equal(value, expected)
