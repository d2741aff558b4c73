"""A failed job: its sentence first, then where its log is; never a wall."""

import pytest

from jointnn.terminal.failures import INTERRUPTED, LINES, failure, sentence_in

STATUS = "Command 'set -euo pipefail; python -m jointnn train x' returned non-zero exit status "


def test_the_sentence_comes_first_and_the_traceback_of_a_warning_not_at_all(tmp_path):
    log = tmp_path / "isolated.log"
    log.write_text("step 4 of 8: training loss 2\nerror: it diverged. Lower learning_rate.\n")
    assert failure("tiny: train isolated, seed 0", [str(log)], STATUS + "1.") == (
        f"error: it diverged. Lower learning_rate.\n  job: tiny: train isolated, seed 0; its log: {log}"
    )


def test_a_mistake_of_several_lines_is_shown_whole():
    said = "error: 2 mistakes:\n  a: 1\n  b: 2"
    assert sentence_in(f"before\n{said}\n") == (said, [])


def test_of_a_crash_the_exception_comes_first_and_then_the_end_of_the_log():
    frames = [f'  File "a.py", line {k}' for k in range(40)]
    log = "\n".join(["Traceback (most recent call last):", *frames, "ValueError: no such thing"])
    sentence, end = sentence_in(log)
    assert sentence == "error: ValueError: no such thing"
    assert len(end) == LINES and end[-1] == "ValueError: no such thing"


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        (STATUS + "137.", "error: the job was killed; often that is because memory was short."),
        (STATUS + "3.", f"error: {STATUS}3."),
        ("", "error: it says nothing of why it failed."),
        (
            "SLURM sbatch failed. The error message was 'sbatch: error: Batch job submission failed:\n"
            "Requested node configuration is not available'.\n    sbatch call:\n  sbatch\nSee",
            "error: SLURM did not take the job: sbatch: error: Batch job submission failed: Requested node "
            "configuration is not available",
        ),
    ],
)
def test_a_job_that_says_nothing_is_told_by_its_exit(told, sentence):
    assert failure("a", ["no/such.log"], told).splitlines() == [sentence, "  job: a; its log: no/such.log"]


def test_where_its_own_log_is_empty_that_of_the_cluster_is_shown(tmp_path):
    own, cluster = tmp_path / "isolated.log", tmp_path / "17.log"
    own.touch()
    cluster.write_text("slurmstepd: error: *** JOB 17 CANCELLED DUE TO TIME LIMIT ***\n")
    assert failure("a", [str(own), str(cluster)], "See the log of the cluster.").splitlines() == [
        "error: See the log of the cluster.",
        "  | slurmstepd: error: *** JOB 17 CANCELLED DUE TO TIME LIMIT ***",
        f"  job: a; its log: {own}, {cluster}",
    ]


def test_what_ctrl_c_ended_is_no_failure():
    assert INTERRUPTED.search(STATUS + "130.") and INTERRUPTED.search(
        f"{STATUS[:20]} died with <Signals.SIGINT: 2>."
    )
    assert not INTERRUPTED.search(STATUS + "1.") and not INTERRUPTED.search(STATUS + "1300.")
