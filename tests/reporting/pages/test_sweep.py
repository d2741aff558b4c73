"""The tool `page` on a sweep."""

import argparse
from pathlib import Path

import pytest
from helpers.jobs import altered
from helpers.sweep import FOLDER, NAME, evaluate, job_of, params, run

from jointnn.errors import UserError
from jointnn.io.files import write_atomically
from jointnn.jobs.graph import Jobs
from jointnn.reporting.pages.page import MARK
from jointnn.stages.tools import page

TARGET = f"sweep_{NAME}"


@pytest.fixture(autouse=True)
def _a_sweep_that_was_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    evaluate()
    run()
    write_atomically(FOLDER / "settings.json", job_of().text.encode())


def made() -> str:
    parser = argparse.ArgumentParser()
    page.add_arguments(parser)
    page.main(parser.parse_args(["--docs", TARGET]))
    return Path(f"docs/results/{TARGET}.md").read_text()


@pytest.mark.slow
def test_the_page_has_table_reading_and_curve():
    reading = Path(f"docs/results/readings/{TARGET}.md")
    reading.parent.mkdir(parents=True)
    reading.write_text("More and more images.\n\n## Reading\n\nMore help more.\n")
    text = made()
    assert text.startswith(f"{MARK}\n\n# Results of `{TARGET}`\n\nMore and more images.\n\nMade by")
    assert f"`snakemake {TARGET}`" in text and "`toy`, `fewest` and `heir`" in text
    table = (FOLDER / "table.md").read_text()
    assert {line for line in table.splitlines() if "|" in line} <= set(text.splitlines())
    assert "\n## Reading\n\nMore help more.\n" in text
    assert "\n## What was selected\n" in text and "| isolated | learning rate 0.05 |" in text
    assert f"](../images/{TARGET}_curve.svg)" in text
    copy = Path(f"docs/images/{TARGET}_curve.svg")
    assert copy.read_bytes() == (FOLDER / "curve.svg").read_bytes()


@pytest.mark.slow
def test_a_sweep_that_was_not_run_is_refused():
    (FOLDER / "settings.json").unlink()
    with pytest.raises(
        UserError, match=rf"'{TARGET}' was not run: .* is missing. Run it: snakemake {TARGET}"
    ):
        made()


@pytest.mark.slow
def test_a_sweep_of_other_settings_is_refused():
    params(along="images")
    with pytest.raises(UserError, match="say now: along"):
        made()


@pytest.mark.slow
def test_an_experiment_of_other_settings_is_refused():
    record = altered(Jobs(params()).collect("heir"), seeds=[7])
    write_atomically(record.record, record.text.encode())
    with pytest.raises(UserError, match="say now: seeds of heir"):
        made()
