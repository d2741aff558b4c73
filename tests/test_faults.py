"""Samples of benchmarks/faults, with a fixed seed: kills, mutations of parameters, a disk that is full."""

import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from helpers.mutations import Parameters, mutation

from jointnn.errors import UserError
from jointnn.parameters.load import read_params

ROOT = Path(__file__).parents[1]


def printed(script: str, *arguments: str) -> list[list[str]]:
    """The rows of the table that a command prints; it must succeed."""
    command = [sys.executable, f"benchmarks/faults/{script}.py", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert not done.returncode, done.stdout + done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


@pytest.mark.slow
def test_a_hundred_mutations_of_parameters_are_accepted_or_refused_by_lines(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    parameters = Parameters()
    found = Counter(parameters.outcome(mutation(parameters.files, 2, number)) for number in range(100))
    assert found["refused"] > 50 and found["accepted"] > 5


@pytest.mark.slow
def test_eight_kills_of_jobs_that_train_leave_no_other_byte():
    *_, total = printed("killed_jobs", "--kills", "8", "--seed", "1")
    assert total[0] == "all" and int(total[1]) >= 8 and total[3:] == ["0", "0"]


@pytest.mark.slow
def test_a_full_disk_leaves_nothing_half_written_and_is_named_with_the_file():
    if not shutil.which("unshare") or subprocess.run(["unshare", "-rm", "true"], check=False).returncode:
        pytest.skip("this machine lets nobody mount a disk of their own")
    *_, total = printed("full_disk", "--sizes", "8", "--only", "fetch", "--only", "initialise")
    assert total[0] == "all" and int(total[1]) >= 4 and total[3] == "0"


TOO_DEEP = "params.yaml: lists and mappings lie in each other more than 50 deep. Write it flatter."
BOMB = ["a0: &a0 [x]", *(f"a{n}: &a{n} [{f'*a{n - 1}, ' * 9}]" for n in range(1, 12))]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param("a: &a [*a]", TOO_DEEP, id="itself"),
        pytest.param(f"a: {'[' * 5000}{']' * 5000}", TOO_DEEP, id="deep"),
        pytest.param(
            "\n".join(BOMB),
            "params.yaml is not YAML: its aliases stand for more than 1000000 values.",
            id="bomb",
        ),
        pytest.param(
            "default: [a]\ndatasets: {a: {2024-01-01: x}}",
            "params.yaml: datasets.a: 2024-01-01 is a date, and no text, number, list or mapping. "
            "Write it in quotes.",
            id="date",
        ),
        pytest.param(
            'default: [a]\n"a\\u2028b": 1\nexperiments: {}\nsweeps: {}\ndatasets: {}\npresets: {}',
            "params.yaml: a\\u2028b: this key is not known. "
            "Known: datasets, default, experiments, presets, sweeps.",
            id="unseen",
        ),
    ],
)
def test_what_mutations_found_is_one_line(content, says, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(content)
    with pytest.raises(UserError) as refused:
        read_params()
    assert str(refused.value) == says


@pytest.mark.slow
def test_own_datasets_beside_datasets_that_are_a_text_are_refused_by_a_line(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Parameters()
    Path("params.yaml").write_text(
        Path("params.yaml").read_text().replace("datasets: {}", "datasets: text")
    )
    with pytest.raises(UserError, match=r"^params.yaml: datasets: 'text': must be a mapping"):
        read_params()
