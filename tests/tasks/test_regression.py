"""Regression: numbers as labels, learned in any unit and measured in the user's own."""

import pytest
import torch
from sklearn.metrics import mean_absolute_error, mean_squared_error, r2_score
from torch import nn
from torch.testing import assert_close

from jointnn.data.splits import Split, as_float
from jointnn.errors import UserError
from jointnn.tasks.measures import ABSOLUTE_ERROR, LOSS, R_SQUARED, SQUARED_ERROR
from jointnn.tasks.regression import regression

RANDOM = torch.Generator().manual_seed(0)


def split_of(count: int = 40, numbers: int = 2) -> Split:
    images = torch.randint(0, 256, (count, 1, 4, 4), dtype=torch.uint8, generator=RANDOM)
    return Split(images, 100 + 30 * torch.randn(count, numbers, generator=RANDOM))


def network(outputs: int = 2) -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Flatten(), nn.Linear(16, outputs))


def batch_of(split: Split) -> Split:
    return Split(as_float(split.images), split.labels)


@pytest.mark.parametrize("options", [{}, {"mean": 100.0, "scale": 30.0}])
def test_measures_are_those_of_scikit_learn_in_the_unit_of_the_labels(options):
    task, split, made = regression(**options), split_of(), network()
    estimates = made(as_float(split.images)).detach().double() * task.scale + task.mean
    truth = split.labels.double()
    found = task.measures(made, split)
    assert found[SQUARED_ERROR] == pytest.approx(mean_squared_error(truth, estimates))
    assert found[ABSOLUTE_ERROR] == pytest.approx(mean_absolute_error(truth, estimates))
    assert found[R_SQUARED] == pytest.approx(r2_score(truth, estimates))
    assert found[LOSS] == pytest.approx(task.loss(made, batch_of(split)).item())
    evidence = task.evidence(made, split)
    assert_close(evidence["estimate"], estimates.float())
    assert_close(evidence["number"], split.labels)


def test_scale_and_mean_do_to_the_loss_what_changed_labels_would():
    split, made = split_of(), network()
    told = Split(split.images, (split.labels - 100) / 30)
    scaled = regression(mean=100, scale=30).loss(made, batch_of(split))
    assert_close(scaled, regression().loss(made, batch_of(told)))


def test_the_unit_of_the_user_stands_in_the_measures():
    found = regression(unit="years", decimals=1).measures(network(), split_of())
    printed = {measure.name: (measure.unit, measure.decimals) for measure in found}
    assert printed["absolute_error"] == ("years", 1)
    assert printed["squared_error"] == ("(years)²", 1)


def test_of_equal_labels_no_share_of_the_variance_is_told():
    split = split_of()
    split.labels[:, 1] = 7
    assert R_SQUARED not in regression().measures(network(), split)


@pytest.mark.parametrize("made", [network(3), nn.Sequential(network(1), nn.Flatten(0))])
def test_a_network_with_other_outputs_than_numbers_is_refused(made):
    said = "regression needs a network with 1 outputs for each image"
    for asked in (regression().loss, regression().measures):
        with pytest.raises(UserError, match=said):
            asked(made, batch_of(split_of(numbers=1)))


@pytest.mark.parametrize("scale", [0.0, -1.0, float("nan")])
def test_a_scale_that_is_none_is_refused(scale):
    with pytest.raises(UserError, match=r"task_options\.scale: .* must be above 0"):
        regression(scale=scale)
