"""The terminal as a user meets it: a table, plain lines, a failed job's sentence, Ctrl-C."""

import fcntl
import importlib.util
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from pathlib import Path

import pytest
from helpers.engine import NOTHING, Project, finished, wait_for

from jointnn.io.yaml import to_yaml
from jointnn.terminal import handler

pytestmark = pytest.mark.slow
ISOLATED = "runs/tiny/s0/isolated"
WALLS = ("reason:", "Missing output files", "message: None", "steps (", "Traceback", "RuleException")
DONE = r"Done: 1 job in .*\. Look at results/tiny/\. To version it: .* record tiny"
LINE = r"\d\d:\d\d:\d\d  {count}  {job} +[\dmin. ]+s(   .* left)?"


class Terminal:
    """A command in a terminal of its own, of 100 columns and 40 lines."""

    def __init__(self, project: Project, *command: str) -> None:
        self.own, side = pty.openpty()
        fcntl.ioctl(side, termios.TIOCSWINSZ, struct.pack("HHHH", 40, 100, 0, 0))
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        self.process = subprocess.Popen(
            ["setsid", "--ctty", *command],  # of util-linux: Ctrl-C then reaches all that it starts
            cwd=project.root,
            env={**os.environ, "PATH": path, "TERM": "xterm"},
            stdin=side,
            stdout=side,
            stderr=side,
            text=True,
        )
        os.close(side)

    def press_ctrl_c(self) -> None:
        os.write(self.own, b"\x03")

    def until_the_end(self) -> str:
        """All that was shown, without the codes that move the cursor and colour."""
        shown = b""
        while True:
            try:
                piece = os.read(self.own, 65536)
            except OSError:  # the other side is closed
                break
            if not piece:
                break
            shown += piece
        self.process.wait(60)
        os.close(self.own)
        return re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", shown.decode()).replace("\r\n", "\n")


@pytest.fixture
def project(tmp_path_factory, tmp_path) -> Project:
    return finished(tmp_path_factory).copy(tmp_path / "project")


def without_walls(said: str) -> list[str]:
    """The lines of what was said, after a look for walls and lines that say nothing."""
    assert [wall for wall in WALLS if wall in said] == []
    assert max(map(len, said.splitlines())) <= 200
    return said.rstrip().splitlines()


def test_without_a_terminal_there_is_a_line_for_each_job(project):
    project.settle(figures=["weights"])
    lines = without_walls(project.snakemake())
    assert lines[1:3] == [
        "1 job: figures 1.",
        "Time: a few seconds, as earlier runs took.",
    ] or re.fullmatch(r"Time: about .*, as earlier runs took\.", lines[2])
    assert re.fullmatch(LINE.format(count="1/1", job="tiny: figures"), lines[3])
    assert re.fullmatch(DONE, lines[4])
    assert len(lines) == 5
    lines = without_walls(project.snakemake())
    assert len(lines) == 2 and NOTHING in lines[1]


def test_in_a_terminal_a_table_shows_each_kind_of_job(project):
    project.settle(figures=["weights"])
    shown = Terminal(project, "snakemake")
    lines = without_walls(shown.until_the_end())
    assert shown.process.returncode == 0
    assert any(re.fullmatch(r" *job +done +now +each takes *", line) for line in lines)
    assert any(re.fullmatch(r" *figures +1/1 +.* s *", line) for line in lines)
    assert any(re.fullmatch(r"tiny: 0 of 1 job done, .* so far(, .*)?", line.strip()) for line in lines)
    assert re.fullmatch(DONE, lines[-1])


def test_a_dry_run_says_why_jobs_would_run_and_what_that_takes(project):
    rates = {"learning_rate": [0.001, 0.1]}
    project.settle(settings={"steps": 12})
    project.write("params/grids/tiny.yaml", to_yaml({"search": {"isolated": rates, "joint": rates}}))
    lines = without_walls(project.snakemake("-n"))
    assert "would run  tiny: train isolated, seed 0                  steps 8 -> 12" in lines
    assert "would run  tiny: collect                                 what it reads is made anew" in lines
    told = "tiny trains 3 methods on 1 seed: 12 steps x 2 networks each, 72 steps of a network in all."
    assert told in lines
    assert any(re.fullmatch(r"Time: about .*, as earlier runs took\.", line) for line in lines)
    disk = (
        r"Disk: about \d+ kB in runs/; DVC's cache takes as much again, "
        r"the networks in MLflow's store up to \d+ kB\."
    )
    assert any(re.fullmatch(disk, line) for line in lines)
    assert lines[-1] == "Nothing was run (-n)."
    for file in project.root.glob("logs/tiny/**/*.tsv"):
        file.write_text("s\n3600\n")
    targets = [f"runs/tiny/s0/{name}/settings.json" for name in ("isolated", "l2reg")]
    for cores, hours in (("1", 2), ("2", 1)):
        said = project.snakemake("-n", "--cores", cores, *targets)
        assert f"Time: about {hours} h, as earlier runs took." in said
    lines = without_walls(project.snakemake("-n", "search_tiny"))
    told = "The search of tiny tries 4 points of 2 methods on 1 seed: "
    assert f"{told}12 steps x 2 networks each, 96 steps of a network in all." in lines
    project.run("dvc", "config", "cache.type", "hardlink,symlink")
    assert "DVC's cache takes nothing more" in project.snakemake("-n")


def test_where_nothing_was_run_nothing_is_made_up(tmp_path):
    said = Project.new(tmp_path).snakemake("-n")
    assert "Time: not known before the first jobs are done; then it stands beside them." in said
    assert "Disk: not known before the first start is made; then it is said." in said


def test_commands_are_shown_where_they_are_asked_for(project):
    project.settle(figures=["weights"])
    command = "    python -m jointnn figures work/settings/results/tiny/figures/settings.json"
    assert command in project.snakemake("-n", "-p")
    assert "reason:" in project.snakemake("-n", "--verbose"), "Snakemake's own words"


def test_failed_jobs_show_their_sentences_each_once(project):
    project.settle(tuned={name: {"learning_rate": 1e6} for name in ("isolated", "l2reg")})
    targets = [f"runs/tiny/s0/{name}/settings.json" for name in ("isolated", "l2reg")]
    lines = without_walls(project.snakemake("--cores", "2", *targets, fails=True))
    for name in ("isolated", "l2reg"):
        (place,) = (
            k for k, line in enumerate(lines) if line.startswith(f"error: tiny, seed 0, {name} diverged")
        )
        assert lines[place + 1] == f"  job: tiny: train {name}, seed 0; its log: logs/tiny/s0/{name}.log"
    again = " ".join(["snakemake --cores 2", *targets])
    assert lines[-1] == (
        f"Stopped: 2 jobs failed, 0 of 2 jobs done. When it is mended, go on with: {again}"
    )


def test_ctrl_c_ends_jobs_and_says_in_one_line_how_to_go_on(project):
    project.settle(settings={"steps": 100_000, "record_every": 20})
    target = f"{ISOLATED}/settings.json"
    shown = Terminal(project, "snakemake", target)
    wait_for(project.path(f"work/resume/{ISOLATED}/history.csv"), shown.process, "\n20,")
    shown.press_ctrl_c()
    lines = without_walls(shown.until_the_end())
    assert shown.process.returncode != 0
    assert lines[-1] == (f"Interrupted: 0 of 1 job done, nothing is lost. To go on: snakemake {target}")
    assert list(project.root.glob(".snakemake/locks/*")) == []
    assert "goes on where it was stopped" in project.snakemake("-n", target)
    assert "Time: not known" in project.snakemake("-n", target), "4 steps tell nothing of 100,000"


def test_ctrl_c_that_reaches_snakemake_alone_ends_its_jobs_too(project):
    project.settle(settings={"steps": 100_000, "record_every": 20})
    process = project.start("snakemake", f"{ISOLATED}/settings.json")
    wait_for(project.path(f"work/resume/{ISOLATED}/history.csv"), process, "\n20,")
    process.send_signal(2)
    said, _ = process.communicate(timeout=60)
    assert process.returncode != 0
    assert without_walls(said)[-1].startswith("Interrupted: 0 of 1 job done, nothing is lost.")


def source_of(module: str) -> str:
    found = importlib.util.find_spec(module)
    assert found is not None and found.origin is not None
    return Path(found.origin).read_text()


def test_snakemake_still_says_what_we_listen_for():
    # Under other words walls would come back, or Ctrl-C be taken for a failure.
    assert 'name = "DefaultStreamHandler"' in source_of("snakemake.logging")
    scheduler = source_of("snakemake.scheduling.job_scheduler")
    assert handler.INTERRUPT in scheduler and handler.LAST_JOBS in scheduler
    assert handler.NOT_ALL in source_of("snakemake.workflow")
