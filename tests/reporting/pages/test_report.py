"""The tool `report`: one page of what is there, which opens without a network."""

import argparse
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest
from helpers.pages import EDITS, run_toy
from helpers.params import PROJECT, write

from jointnn.errors import UserError
from jointnn.stages.tools import report

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    """A project whose experiment `toy` was run; its other experiments were not."""
    monkeypatch.chdir(tmp_path)
    run_toy()
    return tmp_path


def made(*words: str) -> str:
    parser = argparse.ArgumentParser()
    report.add_arguments(parser)
    report.main(parser.parse_args(words))
    return Path("report.html").read_text(encoding="utf-8")


class Page(HTMLParser):
    """The tables of a page as rows of cells, its links, and what is said after each picture."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.rows: list[list[str]] = []
        self.links: list[dict[str, str | None]] = []
        self.sources: list[str] = []
        self.inside = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
            self.inside = tag
        if tag == "a":
            self.links.append(given)
        if tag == "img":
            self.sources.append(given["src"])

    def handle_endtag(self, tag):
        if tag == self.inside:
            self.inside = ""

    def handle_data(self, data):
        if self.inside:
            self.rows[-1][-1] += data


@pytest.mark.slow
def test_the_report_holds_what_is_there_and_says_what_is_not(project, capsys):
    write(EDITS | {"default": ["toy", "heir"]})
    text = made()
    assert "Results on <code>toy</code>" in text
    assert "no results yet: heir." in text
    assert capsys.readouterr().out == "report.html: toy. Open it in a browser.\n"


@pytest.mark.slow
def test_where_nothing_was_run_a_sentence_says_what_to_do(project):
    shutil.rmtree("results")
    with pytest.raises(
        UserError, match=r"Nothing to report yet: toy has no results\. Run it: snakemake toy$"
    ):
        made()
    assert not Path("report.html").exists()
    with pytest.raises(UserError, match="No experiment is named 'tyo'; did you mean 'toy'"):
        made("tyo")


@pytest.mark.slow
def test_its_tables_are_those_of_the_experiment_in_their_order(project):
    lines = [line for line in Path("results/toy/table.md").read_text().splitlines() if line[:3] == "| j"]
    wanted = [[cell.strip("* ") for cell in line.strip("|").split("|")] for line in lines]
    assert wanted and all(row in Page(made()).rows for row in wanted)


@pytest.mark.slow
def test_it_loads_nothing_and_every_link_leads_into_the_page_or_saves_a_file(project):
    text = made()
    page = Page(text)
    assert page.sources and all(source.startswith("data:image/svg+xml;base64,") for source in page.sources)
    assert not re.search(r"""<(script|link|iframe)|url\(|@import|https?://""", text)
    anchors = set(re.findall(r'id="([^"]+)"', text))
    for link in page.links:
        inward = link["href"].startswith("#") and link["href"][1:] in anchors
        saved = link["href"].startswith("data:text/") and link["download"]
        assert inward or saved, link
    assert {link.get("download") for link in page.links} >= {"summary.csv", "metrics.csv", "table.tex"}


def test_a_caption_stands_below_its_figure(project):
    captions = project / "workflow" / "report"
    captions.mkdir(parents=True)
    captions.joinpath("weights.rst").write_text("The weights of ``joint``\nby round.\n")
    assert re.search(r"<img[^>]*></p>\s*<p>The weights of <code>joint</code> by round.</p>", made())


@pytest.mark.slow
def test_the_method_is_a_picture_of_one_box_per_rule(project):
    picture = PROJECT / "docs/images/rulegraph.svg"
    target = project / "docs/images/rulegraph.svg"
    target.parent.mkdir(parents=True)
    shutil.copy(picture, target)
    assert '<img class="graph"' in made()
    boxes = re.findall(r">(\w+)</text>", picture.read_text())
    assert len(boxes) == len(set(boxes)) and "irls" in boxes


@pytest.mark.slow
def test_results_of_other_settings_are_shown_and_marked(project):
    assert 'class="outdated"' not in made()
    write(EDITS | {"experiments.toy.seeds": [0, 1, 2]})
    assert re.search(r'class="outdated">[^<]*other settings than there are now: seeds\.', made())


@pytest.mark.slow
def test_a_browser_shows_what_the_file_says(project, tmp_path):
    text = made()
    shown = dom(tmp_path) if CHROMIUM else text
    assert Page(shown).rows == Page(text).rows
    assert Page(shown).sources == Page(text).sources


def dom(folder: Path) -> str:
    """The page as a browser has read it."""
    command = [str(CHROMIUM), *FLAGS, f"--user-data-dir={folder / 'profile'}", "--dump-dom"]
    page = Path("report.html").resolve().as_uri()
    return subprocess.run([*command, page], capture_output=True, text=True, timeout=300, check=True).stdout
