"""The table and the lines, as text."""

import io
import os
import re

from rich.console import Console

from jointnn.terminal.forecast import Work
from jointnn.terminal.plan import Run
from jointnn.terminal.progress import Progress
from jointnn.terminal.screens import Lines, drawn

WORKS = [
    *(Work(k, "", "fetch", name) for k, name in enumerate(["leaves", "petals"])),
    *(
        Work(k, "mine", "train isolated", f"seed {k}", steps=100, after=frozenset({0, 1}))
        for k in (2, 3, 4)
    ),
    Work(5, "mine", "evaluate", "seed 0", after=frozenset({2})),
]


def shown(progress: Progress, rows: int = 20) -> list[str]:
    console = Console(file=io.StringIO(), width=80)
    console.print(drawn(progress, rows))
    return [re.sub(r"  +", "  ", line).strip() for line in console.file.getvalue().splitlines()]


def begun() -> Progress:
    """Data are there, one seed is trained, another one runs."""
    progress = Progress(Run(WORKS, {}, {"_cores": 1}))
    for number in (0, 1, 2):
        progress.start(number)
        progress.finish(number)
    progress.start(3)
    return progress


def test_a_row_tells_how_many_jobs_of_a_kind_are_done_and_which_run():
    lines = shown(begun())
    assert "fetch  2/2  0.0 s" in lines
    assert "train isolated  1/3  seed 3: 0.0 s  0.0 s" in lines
    assert "evaluate  0/1" in lines
    assert lines[-1] == "mine: 3 of 6 jobs done, 0.0 s so far, at least a few seconds left"


def test_a_failed_job_is_counted_and_no_time_is_promised():
    progress = begun()
    progress.fail(3)
    assert shown(progress)[-1] == "mine: 3 of 6 jobs done, 1 failed, 0.0 s so far"


def test_in_a_low_terminal_what_runs_comes_first_and_the_rest_is_counted():
    many = [Work(10 + k, "mine", f"train method_{k}", "seed 0") for k in range(9)]
    progress = Progress(Run([*WORKS, *many], {}, {}))
    for number in (0, 1, 18):
        progress.start(number)
    progress.finish(0)
    progress.finish(1)
    lines = shown(progress, rows=4)
    assert any(line.startswith("train method_8  0/1  seed 0: ") for line in lines)
    assert "and 1 kinds done, 7 to come" in lines
    assert len(lines) == 10


def test_the_step_in_a_log_is_the_progress_of_a_job(tmp_path):
    log = tmp_path / "isolated.log"
    work = Work(0, "mine", "irls joint", "round 2, seed 0", str(log), steps=100, first_step=300)
    progress = Progress(Run([work], {}, {}))
    progress.start(0)
    assert (progress.at_step(0), progress.trained(0)) == ("", 0)
    log.write_text("step 320 of 400: training loss 2\nstep 340 of 1000: training loss 1\nstep 3")
    assert (progress.at_step(0), progress.trained(0)) == ("step 340 of 400", 40)
    log.write_text("Goes on from step 330.\nstep 365 of 1000: training loss 1\n")
    assert progress.trained(0) == 50, "half of what was left"


def test_the_log_of_an_earlier_run_tells_nothing(tmp_path):
    log = tmp_path / "isolated.log"
    log.write_text("step 100 of 100: training loss 2\n")
    os.utime(log, (1, 1))
    progress = Progress(Run([Work(0, "mine", "train", "", str(log), steps=100)], {}, {}))
    progress.start(0)
    assert (progress.at_step(0), progress.trained(0)) == ("", 0)


def test_a_line_tells_when_how_many_which_job_and_how_long():
    stream = io.StringIO()
    progress = begun()
    Lines(stream).finished(progress, WORKS[3], progress.finish(3))
    pattern = r"\d\d:\d\d:\d\d  4/6  mine: train isolated, seed 3 +0\.0 s   at least a few seconds left\n"
    assert re.fullmatch(pattern, stream.getvalue())
