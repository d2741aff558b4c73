"""Damaged files of every kind that a job reads: refused by name, as they were, or another whole file."""

import logging
import warnings
from collections import Counter

import pytest
from helpers.damage import ANOTHER, REFUSED, SAME, TELLS_ALL, DamagedFiles, damages
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

EXAMPLES = 100


@pytest.mark.slow
def test_a_hundred_damaged_files_are_refused_by_name_or_read_as_they_were(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(logging, "raiseExceptions", False)
    files, found = DamagedFiles(), Counter()

    @settings(
        max_examples=EXAMPLES,
        derandomize=True,  # a fixed seed
        database=None,
        deadline=None,
        phases=[Phase.generate],
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(name=st.sampled_from(sorted(files.kinds)), damage=damages())
    def read(name, damage):
        found[name in TELLS_ALL, files.outcome(name, damage)] += 1

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Pillow, on tags
        read()
    assert sum(found.values()) >= EXAMPLES
    assert found[True, REFUSED] > EXAMPLES / 4
    assert found[True, ANOTHER] == 0
    assert {outcome for _, outcome in found} <= {REFUSED, SAME, ANOTHER}
