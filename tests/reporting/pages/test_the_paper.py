"""The page of the paper's claims: the committed one, and mistakes in what it is made from."""

import re
from pathlib import Path

import pytest
from helpers.params import PROJECT

from jointnn.__main__ import main
from jointnn.errors import UserError
from jointnn.reporting.pages import the_paper

PAGE = PROJECT / "docs/results/the_paper.md"
NUMBERS = (
    "experiment,method,dataset,measure,value,source\nfine_grained,joint,average,accuracy,87.41,Table 4\n"
)
CLAIM = """
tasks:
- title: All
  claims:
  - claim: It is so
    place: Section 1
    read: [{page: mine, words: it is so, finding: so it is, verdict: holds}]
"""


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    """A project with one page, and a claim that was read in it."""
    monkeypatch.chdir(tmp_path)
    folder = Path("docs/results")
    folder.mkdir(parents=True)
    (folder / "paper.csv").write_text(NUMBERS)
    (folder / "claims.yaml").write_text(CLAIM)
    (folder / "mine.md").write_text("# Mine\n\nWe saw that it\nis so.\n")
    return folder


def test_the_committed_page_is_what_the_command_writes(monkeypatch):
    monkeypatch.chdir(PROJECT)
    assert PAGE.read_text(encoding="utf-8") == the_paper.page_of_the_paper(), (
        "python -m jointnn page --docs the_paper writes it anew"
    )


def test_every_claim_names_a_place_and_ends_in_a_verdict():
    text = PAGE.read_text(encoding="utf-8")
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines()
            if re.match(r"\| +(\d+\.|\|)", line)]  # fmt: skip
    claims = [row for row in rows if len(row) == 5 and row[0]]
    assert len(claims) >= 25
    assert all(re.match(r"(Abstract|Section|Figure|Table) ?\d?", row[1]) for row in claims)
    assert {row[4] for row in rows if len(row) == 5} <= set(the_paper.Verdict)


def test_the_papers_numbers_are_all_there():
    text = PAGE.read_text(encoding="utf-8")
    numbers = re.findall(r",(\d+\.\d+),", (PROJECT / "docs/results/paper.csv").read_text(encoding="utf-8"))
    table = text.split("## The numbers of Task I")[1]
    assert len(numbers) == 42
    assert all(number in table for number in numbers)


def test_a_finding_stands_as_long_as_its_page_says_so(project):
    text = the_paper.page_of_the_paper()
    assert "Borne out by every run that can tell: 1 (claim 1)" in text
    assert "so it is (*by eye*)" in text and "[mine](mine.md)" in text
    (project / "mine.md").write_text("# Mine\n\nIt is not.\n")
    with pytest.raises(
        UserError, match=r"'It is so': docs/results/mine.md does not say any more: 'it is so'"
    ):
        the_paper.page_of_the_paper()


def test_a_picture_or_page_that_is_missing_is_named(project):
    claims = project / "claims.yaml"
    claims.write_text(CLAIM.replace("words: it is so", "figure: seen"))
    with pytest.raises(UserError, match=r"docs/images/seen.svg is missing"):
        the_paper.page_of_the_paper()
    claims.write_text(CLAIM.replace("page: mine", "page: yours"))
    with pytest.raises(UserError, match=r"docs/results/yours.md is missing"):
        the_paper.page_of_the_paper()


def test_a_mistake_in_the_claims_is_a_sentence(project):
    (project / "claims.yaml").write_text(CLAIM.replace("verdict: holds", "verdict: maybe"))
    with pytest.raises(UserError, match=r"claims.yaml: tasks.0.claims.0.read.0.verdict: Input should be"):
        the_paper.page_of_the_paper()


@pytest.mark.slow
def test_it_is_a_page_of_the_documentation_alone(capsys, monkeypatch):
    monkeypatch.chdir(PROJECT)
    assert main(["page", "the_paper"]) == 1
    assert "python -m jointnn page --docs the_paper" in capsys.readouterr().err


def test_a_planted_problem_is_told_and_not_counted(project):
    (project / "claims.yaml").write_text(f"planted: [mine]\n{CLAIM}")
    text = the_paper.page_of_the_paper()
    assert "[mine](mine.md) (planted)" in text
    assert "Cannot be held here: 1 (claim 1)" in text
