"""The pages of results: what a person wrote stands in them as it is now."""

import pytest
from helpers.params import PROJECT

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
