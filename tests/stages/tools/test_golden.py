"""Golden bytes: every array of tiny jobs of every kind, and what comparing them says."""

import numpy as np
import pytest
from helpers.params import PROJECT

from jointnn.errors import UserError
from jointnn.io import files
from jointnn.stages.tools import golden_bytes as golden

KEPT = PROJECT / golden.FOLDER


@pytest.mark.slow
def test_every_array_of_every_kind_of_job_is_the_golden_one():
    assert golden.compare(golden.made_now(KEPT), KEPT)


def arrays() -> dict[str, np.ndarray]:
    return {"runs/a/network/odd/conv": np.linspace(0, 1, 100), "runs/a/network/odd/bias": np.zeros(3)}


def other_machine(folder) -> None:
    """As if golden bytes had been made elsewhere."""
    (of_this,) = files.read_json(folder / "digests.json").values()
    files.write_json(folder / "digests.json", {"another": of_this})


def test_one_bit_is_told_on_a_machine_that_is_known(tmp_path):
    golden.write(arrays(), tmp_path)
    assert golden.compare(arrays(), tmp_path) == "2 arrays are the golden ones, to the bit."
    changed = arrays()
    changed["runs/a/network/odd/conv"][37] = np.nextafter(changed["runs/a/network/odd/conv"][37], 1)
    with pytest.raises(UserError, match=r"1 golden arrays are others .*runs/a/network/odd/conv"):
        golden.compare(changed, tmp_path)


def test_an_unknown_machine_says_how_many_are_far_and_refuses_where_most_are(tmp_path):
    three = {f"runs/{job}/{name}": value for job in "abc" for name, value in arrays().items()}
    golden.write(three, tmp_path)
    other_machine(tmp_path)
    said = golden.compare({n: v + n.startswith("runs/b") for n, v in three.items()}, tmp_path)
    assert "6 arrays are there" in said and "of 3 groups, 2 are equal within 1e-05" in said
    with pytest.raises(UserError, match="2 golden arrays are others"):
        golden.compare({n: v + (not n.startswith("runs/b")) for n, v in three.items()}, tmp_path)


def test_an_unknown_machine_compares_within_a_tolerance_and_can_be_added(tmp_path):
    golden.write(arrays(), tmp_path)
    other_machine(tmp_path)
    near = {name: value * (1 + 1e-7) for name, value in arrays().items()}
    assert "of 1 groups, 1 are equal within 1e-05" in golden.compare(near, tmp_path)
    far = {name: (value + 1) * 1.01 for name, value in arrays().items()}
    with pytest.raises(UserError, match="1 golden arrays are others"):
        golden.compare(far, tmp_path)
    golden.write_digests_of_this_machine(near, tmp_path)
    assert "to the bit" in golden.compare(near, tmp_path)
    assert files.read_json(tmp_path / "digests.json").keys() == {"another", golden.machine()}


@pytest.mark.parametrize("known_machine", [True, False])
def test_an_array_that_is_missing_or_new_is_told(tmp_path, known_machine):
    golden.write(arrays(), tmp_path)
    if not known_machine:
        other_machine(tmp_path)
    fewer = dict(list(arrays().items())[:1])
    for found in (fewer, {**arrays(), "runs/a/network/odd/new": np.zeros(1)}):
        with pytest.raises(UserError, match="1 arrays stand in golden bytes or were made now"):
            golden.compare(found, tmp_path)


def test_a_value_of_a_table_or_of_json_is_an_array_too(tmp_path):
    files.write_json(
        tmp_path / "runs/a/weights.json", {"weights": [[1.0, 0.5]], "blocks": ["x"], "delta": None}
    )
    files.write_atomically(
        tmp_path / "runs/a/history.csv", b"step,split,dataset,metric,value\n2,train,odd,loss,3\n"
    )
    found = golden.arrays_in(tmp_path)
    assert {name: value.tolist() for name, value in found.items()} == {
        "runs/a/weights/weights": [[1.0, 0.5]],
        "runs/a/history/train/odd/loss": [[2.0, 3.0]],
    }
