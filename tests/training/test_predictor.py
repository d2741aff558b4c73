"""Predictor: every task says what its networks predict, or refuses it; what is wrong is a sentence."""

import numpy as np
import pytest
import torch
from helpers.branched import TWO

from jointnn.errors import UserError
from jointnn.models.saved import make_network
from jointnn.tasks import task as tasks
from jointnn.tasks.base import Prediction
from jointnn.training.predictor import Predictor, Use

IMAGES = np.random.default_rng(0).integers(0, 256, (7, 1, 16, 16), dtype=np.uint8)
OUTPUTS = ["oak", "beech", "ash"]
NETWORKS = {
    "classification": ("small_conv", {"width": 2}),
    "regression": ("small_conv", {"width": 2}),
    "completion": ("autoencoder", {"width": 2}),
    "reconstruction": (
        "branched",
        {"branches": {**TWO, "classes": {"of": ["shared"], "layers": ["scores"]}}},
    ),
    "transfer": ("branched", {"branches": TWO}),
    "generation": ("began", {"width": 2, "latent": 3}),
}
"""A network for each task."""
OPTIONS = {"generation": {"features": "efficientnet_lite0"}}
GIVES = {
    "classification": {"probabilities": (7, 3), "predicted": (7,)},
    "transfer": {"probabilities": (7, 3), "predicted": (7,)},
    "regression": {"numbers": (7, 3)},
    "completion": {"images": (7, 1, 16, 16)},
    "reconstruction": {"images": (7, 1, 16, 16)},
}


def predictor_of(task: str, outputs: list[str] | None = None) -> Predictor:
    architecture, options = NETWORKS[task]
    torch.manual_seed(0)
    network = make_network(architecture, options, len(OUTPUTS), 1, 16)
    use = Use("leaves", task, OPTIONS.get(task, {}), outputs or OUTPUTS, 16, 1, "crop")
    return Predictor(network, use, device="cpu")


def test_every_task_has_a_network_here():
    assert set(tasks.load()) == set(NETWORKS)


@pytest.mark.parametrize("task", GIVES)
def test_a_task_gives_a_row_for_each_image_and_nothing_else(task):
    found = Prediction.joined(list(predictor_of(task).stream(IMAGES)))
    assert {name: value.shape for name, value in vars(found).items() if value is not None} == GIVES[task]
    if found.probabilities is not None:
        torch.testing.assert_close(found.probabilities.sum(1), torch.ones(7))
        assert torch.equal(found.probabilities.argmax(1), found.predicted)


def test_a_generator_says_how_it_is_used():
    with pytest.raises(UserError, match=r"makes images and takes none.*network\.latent"):
        list(predictor_of("generation").stream(IMAGES))


@pytest.mark.parametrize("task", ["classification", "regression"])
def test_more_or_fewer_outputs_than_names_are_refused(task):
    with pytest.raises(
        UserError, match=r"gives 3 numbers for each image, but has 2 classes or numbers to tell"
    ):
        list(predictor_of(task, ["oak", "beech"]).stream(IMAGES))


def test_a_task_that_says_nothing_of_new_images_is_refused(monkeypatch):
    monkeypatch.setitem(tasks, "silent", type("silent", (), {"labels": ""}))
    predictor = predictor_of("classification")
    silent = Predictor(predictor.network, Use("leaves", "silent", {}, OUTPUTS, 16, 1, "crop"), device="cpu")
    with pytest.raises(UserError, match="The task silent does not say what its networks predict"):
        list(silent.stream(IMAGES))


def test_between_batches_everything_is_as_it_was():
    for _ in predictor_of("classification").stream(IMAGES):
        assert torch.is_grad_enabled()


@pytest.mark.parametrize("trunk", [None, "efficientnet_lite0"])
def test_what_a_file_says_of_a_network_is_read_as_it_was_written(trunk):
    use = Use("leaves", "regression", {"mean": 2.5, "unit": "m²"}, ["Höhe"], 32, 3, "squash", trunk)
    assert Use.of_notes(use.notes(), "") == use
