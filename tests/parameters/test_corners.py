"""Corners of the family of `joint`: which method each is."""

import math

import pytest
from helpers.params import read

from jointnn.methods.settings import MethodSettings
from jointnn.parameters.corners import corner, corners

NEVER, ALWAYS = {"half_life": math.inf}, {"half_life": 0}


@pytest.mark.parametrize(
    ("settings", "method"),
    [
        ({}, None),
        ({"strength": NEVER}, "isolated"),
        ({"strength": {"lambda": 0}}, "isolated"),
        ({"strength": NEVER, "start": "shareall"}, "finetune"),
        ({"strength": ALWAYS}, "shareall"),
        ({"scale_factor": math.inf}, "l2reg"),
        ({"scale_factor": math.inf, "strength": NEVER}, "isolated"),
        ({"scale_factor": math.inf, "strength": ALWAYS}, "shareall"),
        ({"start": "shareall"}, None),
    ],
)
def test_each_corner_is_a_method(settings, method):
    assert corner(MethodSettings.model_validate(settings)) == method


def test_rows_of_joint_alone_can_be_a_corner(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    tuned = {"isolated": {}, "joint": {"strength": NEVER}}
    found = read({"experiments.toy.methods": ["isolated", "joint"], "experiments.toy.tuned": tuned})
    assert corners(found, "toy") == {"joint": "isolated"}
