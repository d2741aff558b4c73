"""The pages of results: what a person wrote, and what parameters say, stands in them as it is now."""

import pytest
from helpers.params import PROJECT

from jointnn.parameters import search
from jointnn.parameters.load import read_params
from jointnn.reporting.pages import sections
from jointnn.reporting.tables import markdown_grid
from jointnn.reporting.tables.rendering import capitalised

PAGES = PROJECT / "docs/results"
READINGS = sorted((PAGES / "readings").glob("*.md"))


@pytest.mark.parametrize("path", READINGS, ids=lambda path: path.stem)
def test_a_page_holds_its_reading(path):
    page = (PAGES / path.name).read_text(encoding="utf-8")
    what, reading = path.read_text(encoding="utf-8").split("\n## Reading\n")
    assert what.strip() in page
    assert reading.strip() in page


def test_every_reading_is_found():
    assert len(READINGS) >= 10


PARAMS = read_params(PROJECT)
OLDER = "This page is older than its parameters."
"""Sentence of a reading whose experiment was not run again since its settings were chosen anew."""
EXPERIMENTS = [path.stem for path in READINGS if path.stem in PARAMS.experiments]
SWEEPS = [path.stem.removeprefix("sweep_") for path in READINGS if path.stem.startswith("sweep_")]


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_a_page_says_how_settings_were_chosen(name):
    """A grid that was changed after its search, and a choice by hand, show on the page."""
    page = (PAGES / f"{name}.md").read_text(encoding="utf-8")
    rule = search.rule(PARAMS, name)
    if OLDER in page:
        assert rule not in page
        return
    assert f"Selection: {rule}. " in page
    assert f"\n{capitalised(rule)}.\n" in page


@pytest.mark.parametrize("name", SWEEPS)
def test_the_page_of_a_sweep_says_what_was_chosen(name):
    page = (PAGES / f"sweep_{name}.md").read_text(encoding="utf-8")
    numbers = PARAMS.sweeps[name].experiments
    rules = {search.rule(PARAMS, experiment, beside_others=True) for experiment in numbers}
    if OLDER in page:
        assert not any(rule in page for rule in rules)
        return
    assert all(rule in page for rule in rules)
    for _, _, lines in sections.settings_of_sweep({one: PARAMS.experiments[one] for one in numbers}):
        assert markdown_grid(lines, 2) in page
