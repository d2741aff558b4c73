"""The command line: help, exit codes, one sentence for a user's mistake, a traceback for ours."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers.params import PROJECT, read

from jointnn import __version__
from jointnn.__main__ import JOBS, TOOLS, main
from jointnn.data.schema import DatasetParams
from jointnn.io import files
from jointnn.jobs.graph import Jobs
from jointnn.jobs.specs import ChooseJob, FetchJob, Job

WITHOUT_TORCH = [
    "fetch",
    "prepare",
    "collect",
    "figures",
    "sweep",
    "choose",
    "tools.track",
    "tools.times",
    "tools.schema",
]
HEAVY = ("torch", "torchvision", "mlflow", "sklearn", "scipy", "matplotlib")
COMPILER = ("torch._dynamo", "torch._inductor", "pandas", "scipy", "torchvision")
"""Modules that a job that trains a small network must not wait for."""


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def helped(capsys, *words: str) -> str:
    """Return the output of --help."""
    with pytest.raises(SystemExit) as ended:
        main([*words, "--help"])
    assert ended.value.code == 0
    return capsys.readouterr().out


def settings_file(job: Job) -> str:
    """Write a job's settings file where it belongs."""
    path = Path(job.settings_file)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(job.settings_text)
    return str(path)


def sentence(capsys, *words: str) -> str:
    """Return the sentence about a user's mistake: one line on standard error, and the exit code 1."""
    assert main(words) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("error: ")
    assert printed.err.count("\n") == 1
    return printed.err.removeprefix("error: ").rstrip()


def test_help_names_every_stage_with_its_meaning(capsys):
    text = helped(capsys)
    for stage, meaning in (JOBS | TOOLS).items():
        assert f"  {stage:<11} {meaning}\n" in text
    assert "Exit codes: 0 done; 1 a mistake that you can mend" in text
    assert max(map(len, text.splitlines())) <= 100


def test_every_stage_has_a_file_and_every_file_is_a_stage():
    shared = {"__init__", "build", "check_networks", "run_training"}
    shared |= {"generated_files", "golden_bytes", "finished", "tracked_networks"}
    folder = PROJECT / "jointnn/stages"
    assert {path.stem for path in folder.glob("*.py")} - shared == set(JOBS)
    assert {path.stem for path in (folder / "tools").glob("*.py")} - shared == set(TOOLS)


@pytest.mark.parametrize("stage", JOBS)
def test_help_of_a_job_says_what_it_writes_and_what_it_needs(stage, capsys):
    text = helped(capsys, stage)
    assert "SETTINGS" in text
    assert "work/settings/" in text
    assert "rite" in text.split("positional arguments:")[0], "what it writes"
    assert "Args:" not in text
    assert "Raises:" not in text


@pytest.mark.parametrize("stage", TOOLS)
def test_help_of_a_tool_says_more_than_its_name(stage, capsys):
    assert len(helped(capsys, stage).split("\n\n")[1]) > 100


def test_the_version_is_that_of_the_project(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["--version"])
    assert (ended.value.code, capsys.readouterr().out) == (0, f"{__version__}\n")
    assert f'version = "{__version__}"' in (PROJECT / "pyproject.toml").read_text()


@pytest.mark.parametrize(
    "words", [[], ["train"], ["nonsense"], ["train", "a", "b"], ["times", "--seeds", "x", "toy"]]
)
def test_a_wrong_command_line_ends_with_2(words, capsys):
    with pytest.raises(SystemExit) as ended:
        main(words)
    assert ended.value.code == 2
    assert "usage: python -m jointnn" in capsys.readouterr().err


def test_a_settings_file_that_is_missing_or_elsewhere_is_one_sentence(capsys):
    path = "work/settings/data/raw/toy/settings.json"
    assert sentence(capsys, "fetch", path) == (
        f"{path} is no file. `snakemake -n` writes the settings files of all jobs."
    )
    Path("params.yaml").write_text("")
    for place in ("params.yaml", "work/settings.json", "/etc/hosts"):
        expected = f"{place} is not below work/settings/, where settings files lie."
        assert sentence(capsys, "fetch", place) == expected


@pytest.mark.parametrize("content", ["", "{", "[]", "3", '{"stage": "fetch"}', '{"dataset": "toy"}'])
def test_a_file_that_is_no_settings_file_is_one_sentence(content, capsys):
    path = Path("work/settings/data/raw/toy/settings.json")
    path.parent.mkdir(parents=True)
    path.write_text(content)
    assert sentence(capsys, "fetch", str(path)).startswith(f"{path} ")


def test_the_settings_of_another_stage_or_job_are_one_sentence(capsys):
    path = settings_file(Jobs(read()).fetch("first"))
    assert sentence(capsys, "prepare", path) == f"{path} is for the stage 'fetch', not for 'prepare'."
    other = Path("work/settings/data/raw/second/settings.json")
    other.parent.mkdir(parents=True)
    other.write_text(Path(path).read_text())
    assert sentence(capsys, "fetch", str(other)) == (
        f"{other} holds the settings of another job: they belong to {path}. Change parameters and let "
        "`snakemake -n` write them."
    )
    assert not Path("data").exists()


def fetch_of_own(**fields) -> str:
    """The settings file of a job that fetches one's own images."""
    source = DatasetParams(**{"source": "class_folders", "path": "own", **fields}).model_dump()
    return settings_file(FetchJob(dataset="own", source=source))


def test_a_users_mistake_in_a_job_is_one_sentence_and_leaves_no_record(capsys):
    assert sentence(capsys, "fetch", fetch_of_own()).startswith("own ")
    assert not Path("data/raw/own/settings.json").exists()


def choice(attempts: dict) -> ChooseJob:
    """The job that chooses among these attempts."""
    return ChooseJob(
        experiment="toy",
        attempts=attempts,
        tuning_seed=3,
        measures=["loss"],
        groups_count=None,
        ties=False,
        grid="a",
    )


def test_a_job_that_ends_well_leaves_its_settings_as_the_record():
    path = settings_file(choice({"3": {}}))
    assert main(["choose", path]) == 0
    assert files.read_json("search/toy/settings.json") == files.read_json(path)
    Path("search/toy/settings.json").unlink()
    assert main(["choose", str(Path(path).absolute())]) == 0
    assert Path("search/toy/settings.json").exists()


@pytest.mark.slow
def test_a_mistake_of_ours_keeps_its_traceback():
    result = {"validation": ["no mapping"], "settings": {}, "best": {}}
    files.write_json("search/toy/s3/joint/point_0.json", result)
    path = settings_file(choice({"3": {"joint": [0]}}))
    ran = run("choose", path)
    assert ran.returncode == 1
    assert ran.stderr.startswith("Traceback (most recent call last):")
    assert "AttributeError" in ran.stderr
    assert not Path("search/toy/settings.json").exists()


def run(*words: str) -> subprocess.CompletedProcess[str]:
    """Run the command line as a process."""
    command = [sys.executable, "-m", "jointnn", *words]
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


@pytest.mark.slow
def test_ctrl_c_ends_without_a_traceback():
    program = (
        "import signal, sys, jointnn.io.files; from jointnn.__main__ import main\n"
        "sys.addaudithook(lambda event, _: event == 'os.rename' and signal.raise_signal(signal.SIGINT))\n"
        "sys.exit(main(['schema']))"
    )
    environment = {**os.environ, "PYTHONPATH": str(PROJECT)}
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False, env=environment)
    assert (ran.returncode, ran.stderr) == (130, b"")
    assert [path for path in Path("workflow").rglob("*") if path.is_file()] == []


def imported_by(program: str, heavy: tuple[str, ...] = HEAVY) -> list[str]:
    """Those of the heavy packages that a program imports."""
    program += f"; import json, sys; print(json.dumps([name for name in {heavy} if name in sys.modules]))"
    ran = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=PROJECT
    )
    return json.loads(ran.stdout.splitlines()[-1])


@pytest.mark.slow
def test_stages_that_need_no_torch_start_without_it():
    modules = ", ".join(f"jointnn.stages.{stage}" for stage in WITHOUT_TORCH)
    assert imported_by(f"import {modules}") == []


@pytest.mark.slow
def test_training_waits_for_no_compiler():
    program = (
        "import torch, jointnn, jointnn.stages.train, jointnn.stages.evaluate\n"
        "data = {name: (torch.randn(40, 3), torch.arange(40) % 2) for name in 'ab'}\n"
        "network = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.Linear(4, 2))\n"
        "for name in ('sgd', 'adam'):\n"
        "    jointnn.fit(data, network, steps=9, optimiser=name, couple_head=True)\n0"
    )
    assert imported_by(program, COMPILER) == []


@pytest.mark.slow
def test_help_of_every_stage_starts_without_torch():
    program = (
        "from contextlib import suppress; from jointnn.__main__ import JOBS, TOOLS, main\n"
        "for stage in [*JOBS, *TOOLS]:\n    with suppress(SystemExit): main([stage, '--help'])\n0"
    )
    assert imported_by(program) == []
