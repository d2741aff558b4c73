"""Measures as objects: what a task tells of a number, and what is read of it again."""

import json
import math

import pytest
import torch
from torch import nn

from jointnn.data.splits import Split, as_float
from jointnn.errors import UserError
from jointnn.tasks.base import OneLoss, followed, named, predictions
from jointnn.tasks.measures import (
    ACCURACY,
    HIGHEST,
    LOSS,
    LOWEST,
    OURS,
    Measure,
    check_given,
    measure_from_json,
    measure_of,
)

OWN = Measure("off", "off by", unit="miles", best=0.5, factor=2.0, decimals=1, logarithmic=False)


def fields(measure: Measure) -> dict:
    return {**vars(measure)}


@pytest.mark.parametrize("measure", [*OURS.values(), OWN], ids=lambda measure: measure.name)
def test_what_a_task_tells_of_a_measure_is_read_again_from_json(measure):
    told = json.loads(json.dumps(measure.as_json(), allow_nan=False))
    assert fields(measure_from_json(measure.name, told)) == fields(measure)


@pytest.mark.parametrize("best", [HIGHEST, LOWEST, 1.0, -2.5])
def test_a_score_is_highest_for_the_best_value(best):
    score = Measure("off", best=best).score
    nearest = {HIGHEST: 3.0, LOWEST: -3.0}.get(best, best)
    assert all(score(nearest) > score(value) for value in (-1.0, 0.0, 2.0))


def test_measures_are_told_apart_by_their_names_alone():
    assert Measure("off") == OWN and hash(Measure("off")) == hash(OWN)
    assert {OWN: 1.0}[Measure("off")] == 1.0
    assert Measure("of") != OWN


def test_a_measure_is_the_tasks_own_before_it_is_one_of_ours():
    own = Measure("accuracy", unit="points")
    assert measure_of("accuracy", {"accuracy": own}).unit == "points"
    assert measure_of("accuracy").unit == "per cent"
    unknown = measure_of("unknown_number")
    assert (unknown.title, unknown.best) == ("unknown number", LOWEST)


@pytest.mark.parametrize("name", ["", "Off", "off by", "1st", None])
def test_a_name_that_params_could_not_hold_is_refused(name):
    with pytest.raises(UserError, match="a name holds small letters, digits and _ alone"):
        Measure(name)


def test_a_direction_that_is_none_is_refused():
    with pytest.raises(UserError, match="has no best value"):
        Measure("off", best=math.nan)


def test_only_what_needs_many_images_may_be_left_out():
    check_given(["accuracy", "frechet_distance"], ["accuracy", "loss"], "here")
    check_given(["error"], ["diverged"], "here")  # every run did
    for wanted, decides in (["accuracy", "error"], False), (["frechet_distance"], True):
        with pytest.raises(
            UserError, match=rf"the task gives no '{wanted[-1]}' here, only accuracy, loss\."
        ):
            check_given(wanted, ["accuracy", "loss", "collapsed"], "here", first_decides=decides)


# --- the simplest task ---


class darkness(OneLoss):  # noqa: N801
    """How dark an image is. Needs no more than its loss."""

    def loss(self, network: nn.Module, batch: Split) -> torch.Tensor:
        return (network(batch.images)[:, 0] + batch.images.mean(dim=(1, 2, 3))).square().mean()


def images(count: int = 700) -> Split:
    drawn = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (count, 1, 3, 3), dtype=torch.uint8, generator=drawn)
    return Split(pixels, torch.zeros(count, dtype=torch.int64))


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.BatchNorm1d(9), nn.Linear(9, 1))


def test_a_task_needs_its_loss_alone_and_is_measured_by_its_mean():
    task, made, split = darkness(), network(), images()
    found = task.measures(made, split)
    assert made.training, "the network is left in the mode that it was in"
    made.eval()
    wanted = task.loss(made, Split(as_float(split.images), split.labels)).item()
    assert found == {LOSS: pytest.approx(wanted, rel=1e-5)}
    assert task.results(made, {"test": split}, split) == {"test": found}
    assert task.evidence(made, split) == {}


def test_predictions_are_those_of_evaluation_mode_in_order():
    made, split = network(), images()
    found = predictions(made, split)
    made.eval()
    torch.testing.assert_close(found, made(as_float(split.images)))
    assert not found.requires_grad


class without_objects(darkness):  # noqa: N801
    """Gives names in the place of measures."""

    def measures(self, _network, _split):
        return {"loss": 1.0}


class without_loss(darkness):  # noqa: N801
    """Gives no loss."""

    def measures(self, _network, _split):
        return {ACCURACY: 1.0}


def test_names_in_the_place_of_measures_and_a_missing_loss_are_refused():
    with pytest.raises(UserError, match=r"The task without_objects measures 'loss', which is no Measure"):
        followed(without_objects(), network(), images())
    with pytest.raises(UserError, match=r"The task without_loss measures accuracy, but no loss\. Add LOSS"):
        followed(without_loss(), network(), images())
    assert named({ACCURACY: 1.0}, without_loss()) == {"accuracy": 1.0}
