"""Verdicts on claims, from made-up tables."""

import pytest
from pydantic import ValidationError

from jointnn.errors import UserError
from jointnn.reporting.pages.claims import compare, overall
from jointnn.reporting.pages.claims_schema import Claim, Comparison, Verdict
from jointnn.reporting.pages.page_tables import Cell, Difference, PageTable
from jointnn.reporting.tables import AVERAGE

HOLDS, FAILS, NOISE, UNTESTED = Verdict


def table(better: str = "higher", seeds: int = 3, **differences: tuple[float, float]) -> PageTable:
    """A table in which `joint` differs from other rows by a mean and a deviation."""
    found = {
        ("joint", other, AVERAGE): Difference(mean, deviation, deviation / seeds**0.5, seeds - 1, seeds, 1)
        for other, (mean, deviation) in differences.items()
    }
    return PageTable("Accuracy", "per cent", better, seeds, {}, found)


def verdict(table: PageTable, **comparison) -> Verdict:
    return compare(Comparison.model_validate({"than": ["other"]} | comparison), table).verdict


@pytest.mark.parametrize(
    ("mean", "deviation", "expected"),
    [(2, 0.5, HOLDS), (-2, 0.5, FAILS), (2, 5, NOISE), (0, 0, NOISE), (0.1, 0, HOLDS), (-0.1, 0, FAILS)],
)
def test_a_difference_is_held_against_its_noise(mean, deviation, expected):
    assert verdict(table(other=(mean, deviation))) == expected
    assert verdict(table("lower", other=(-mean, deviation))) == expected
    opposite = {HOLDS: FAILS, FAILS: HOLDS, NOISE: NOISE}[expected]
    assert verdict(table(other=(mean, deviation)), **{"is": "worse"}) == opposite


def test_the_chance_is_that_of_a_paired_t_test():
    # Of three seeds, one-sided: 5 % lie beyond 2.92 standard errors.
    assert verdict(table(other=(2.93, 3**0.5))) == HOLDS
    assert verdict(table(other=(2.91, 3**0.5))) == NOISE


def test_two_seeds_tell_nothing():
    assert verdict(table(seeds=2, other=(20, 0.1))) == NOISE


def test_by_moves_the_bound_on_either_side():
    assert verdict(table(other=(12, 1)), by=15) == FAILS
    assert verdict(table(other=(18, 1)), by=15) == HOLDS
    assert verdict(table(other=(-0.2, 0.1)), by=-1) == HOLDS  # no more than so much worse
    assert verdict(table("lower", other=(0.2, 0.1)), by=-1) == HOLDS
    assert verdict(table(other=(-8, 1)), by=5, **{"is": "worse"}) == HOLDS
    assert verdict(table(other=(-1, 1)), by=5, **{"is": "worse"}) == FAILS


def test_two_rows_match_where_they_are_shown_to_be_near():
    assert verdict(table(other=(0.1, 0.2)), within=1) == HOLDS
    assert verdict(table(other=(0.1, 5)), within=1) == NOISE  # much noise is no match
    assert verdict(table(other=(-4, 0.5)), within=1) == FAILS


def test_every_row_must_be_beaten_and_the_hardest_is_told():
    several = table(a=(5, 0.5), b=(0.2, 1), c=(5, 0.5), d=(9, 0.5))
    found = compare(Comparison(than=["a", "b", "c", "d"]), several)
    assert found.verdict == NOISE
    assert found.text == "joint − b +0.2 ± 1.0 points (the hardest of 4)"
    assert verdict(several, than=["a", "c", "d"]) == HOLDS
    assert verdict(table(a=(5, 0.5), b=(-9, 0.5)), than=["a", "b"]) == FAILS


def test_one_of_many_must_lie_further_out():
    columns = {f"d{k}": (0.0, 1.0) for k in range(4)} | {"d4": (3.2, 1.73)}
    cells = {}
    for name, (mean, _) in columns.items():
        cells |= {("joint", name): Cell(mean, 1, 3, 1), ("other", name): Cell(0, 1, 3, 1)}
    differences = {
        ("joint", "other", name): Difference(mean, spread, spread / 3**0.5, 2, 3, 1)
        for name, (mean, spread) in columns.items()
    }
    several = PageTable("Accuracy", "per cent", "higher", 3, cells, differences)
    assert verdict(several, on=["d4"]) == HOLDS
    found = compare(Comparison(than=["other"], on=["each"], any_of=True), several)
    assert found.verdict == NOISE  # 4 % five times over is no proof
    assert found.text == "joint − other on d4 +3.2 ± 1.7 points (the best of 5)"


def test_a_row_that_is_another_one_is_named():
    same = PageTable(
        "Accuracy", "per cent", "higher", 3, {}, table(finetune=(0, 0)).differences, {"joint": "finetune"}
    )
    found = compare(Comparison(than=["finetune"]), same)
    assert found.verdict == NOISE
    assert found.text == "joint − finetune +0.0 ± 0.0 points; `joint` is `finetune` here"


def test_what_a_table_lacks_is_refused():
    with pytest.raises(UserError, match="'joint' minus 'nobody' on 'average' is not in the table"):
        compare(Comparison(than=["nobody"]), table(other=(1, 1)))
    with pytest.raises(UserError, match="neither higher nor lower is better"):
        compare(Comparison(than=["other"]), table("nearer to 1", other=(1, 1)))


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        ([HOLDS, NOISE], "holds"),
        ([FAILS, UNTESTED], "does not hold"),
        ([HOLDS, FAILS], "holds in one run and not in another"),
        ([NOISE, UNTESTED], "not told apart from noise"),
        ([UNTESTED], "cannot be held here"),
    ],
)
def test_runs_that_cannot_tell_do_not_decide(verdicts, expected):
    assert overall(verdicts) == expected


@pytest.mark.parametrize(
    "wrong",
    [
        {"place": "somewhere", "untested": "no"},
        {"place": "Section 5.2"},
        {"place": "Section 5.2", "pages": ["digits"]},
        {"place": "Figure 2", "read": [{"page": "digits", "finding": "so", "verdict": "holds"}]},
    ],
)
def test_a_claim_has_a_place_and_something_that_bears_on_it(wrong):
    with pytest.raises(ValidationError):
        Claim.model_validate({"claim": "All is well"} | wrong)
