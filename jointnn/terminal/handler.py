"""A handler of Snakemake's logger, which tells a run in our words.

Snakemake sends records of Python's logging; those of jobs bear an `event`. All that it tells, file names
and reasons included, stays in its own log, .snakemake/log/.
"""

import logging
import re
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from jointnn.jobs.costs import EarlierRuns
from jointnn.terminal.failures import INTERRUPTED, failure
from jointnn.terminal.plan import Run, disk_needed, introduction
from jointnn.terminal.progress import Progress
from jointnn.terminal.screens import WIDTH, Screen, label_of
from jointnn.terminal.words import exactly, several

INTERRUPT = "Terminating processes on user request"
"""Snakemake's message on Ctrl-C."""
LAST_JOBS = "Will exit after finishing currently running jobs"
"""Its message on SIGTERM."""
NOISE = re.compile(
    "|".join(
        [
            *(
                "Assuming unrestricted",
                "host: ",
                "Building DAG",
                "Using shell: ",
                "Provided ",
                "Rules claiming",
            ),
            *("Group jobs: inactive", "Conda environments: ignored", "Singularity containers: ignored"),
            *("Select jobs", "Execute ", "Complete log", "Elapsed time", "Removing temporary output"),
            *("Shutting down", "Exiting because a job execution failed", "Reasons:", "This was a dry-run"),
            *(r"Job rate limit", r"\d+ jobs have (missing|outdated) provenance"),
        ]
    )
)
"""How messages begin that tell a person nothing."""
NOT_ALL = "At least one job did not complete successfully"
"""How Snakemake ends when jobs failed or were stopped: we have said which."""

OF_A_GROUP = (
    "its group of jobs failed before this one wrote a log: SLURM did not take the submission, or ended it. "
    "Snakemake does not pass on why; squeue, sacct and sbatch by hand do."
)
"""Our sentence on jobs that fail as one submission."""


class Handler(logging.Handler):
    """Shows a run on a screen.

    Args:
        screen: where.
        plan: says what the run is to do, once Snakemake knows.
        again: the command that goes on.
        dry: whether nothing is run: `snakemake -n`.
        stop: ends the jobs that run.
    """

    def __init__(
        self, screen: Screen, plan: Callable[[], Run], again: str, *, dry: bool, stop: Callable[[], None]
    ) -> None:
        super().__init__()
        self.screen, self.plan, self.again, self.dry, self.stop = screen, plan, again, dry, stop
        self.earlier = EarlierRuns()
        self.progress: Progress | None = None
        self.interrupted = self.ends_early = self.ended = False
        self._disk_is_said = False
        self._told: dict[int, str] = {}
        self._grouped: set[int] = set()
        self._would: dict[int, list[str]] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Show a record, unless it tells a person nothing."""
        event = getattr(record, "event", None)
        try:
            if event is None:
                self.message(record)
            elif (tell := getattr(self, f"on_{event}", None)) is not None:
                tell(record)
        except Exception:
            self.handleError(record)

    def message(self, record: logging.LogRecord) -> None:
        """Show a message that is of no job."""
        text = record.getMessage() if record.msg else ""
        if text.startswith(INTERRUPT):
            self.interrupted = True
            self.screen.end()
            self.stop()
        elif text.startswith(LAST_JOBS):
            if not self.ends_early:
                self.screen.say("Stops as soon as the jobs that run are done.")
            self.ends_early = True
        elif text.strip() and not self.interrupted and not NOISE.match(text):
            self.screen.say(text, _style(record))

    def on_run_info(self, _: Any) -> None:
        """Say what the run will do. Of a dry run Snakemake tells it before and after the jobs."""
        if self.progress is None:
            self.progress = Progress(self.plan())
            if self.dry:
                return
        self._say_would(self.progress)
        lines = introduction(self.progress.run, self.earlier)
        self._disk_is_said = not any(line.startswith("Disk: not known") for line in lines)
        for line in lines:
            self.screen.say(line)
        if not self.dry:
            self.screen.begin(self.progress)

    def _say_would(self, progress: Progress) -> None:
        """Say of each job why it would run: Snakemake tells them in any order."""
        for work in progress.run.works:
            if work.number in self._would:
                self.screen.say(f"would run  {label_of(work):<{WIDTH}}  {work.why}".rstrip())
                for command in self._would[work.number]:
                    self.screen.say(f"    {command}")

    def on_job_info(self, record: Any) -> None:
        """Note that a job begins, or would."""
        if self.progress is None or record.jobid not in self.progress.works:
            return
        if self.dry:
            self._would[record.jobid] = []
        else:
            self.progress.start(record.jobid)

    def on_shellcmd(self, record: Any) -> None:
        """Show the command of a job: Snakemake tells it where it was asked to (-p)."""
        command = getattr(record, "shellcmd", None)
        if command and self.dry and self._would:
            list(self._would.values())[-1].append(command)
        elif command:
            self.screen.say(f"    {command}")

    def on_job_finished(self, record: Any) -> None:
        """Show that a job is done."""
        if self.progress is None or (work := self.progress.works.get(record.job_id)) is None:
            return
        self.screen.finished(self.progress, work, self.progress.finish(record.job_id))
        if not self._disk_is_said and work.kind == "initialise":
            self._disk_is_said = True
            self.screen.say(disk_needed(self.progress.run, EarlierRuns()))

    def on_error(self, record: Any) -> None:
        """Show an error, unless it is that of a job, which is told next and by the same thread."""
        text = record.getMessage()
        if "CalledProcessError" in text and self.progress is not None:
            self._told[threading.get_ident()] = text
        elif NOT_ALL not in text and not self.interrupted:
            self.screen.say(text, "red")

    def on_group_error(self, record: Any) -> None:
        """Note which jobs failed as one submission; Snakemake tells each of them next."""
        self._grouped |= {of_job["jobid"] for of_job in record.job_error_info}

    def on_job_error(self, record: Any) -> None:
        """Show the sentence of a job that failed, and where its log is."""
        told = self._told.pop(threading.get_ident(), record.rule_msg or "")
        if not told and record.jobid in self._grouped:
            told = OF_A_GROUP
        # Ctrl-C reaches the jobs, too, and some end before Snakemake has said that it was interrupted.
        if self.interrupted or INTERRUPTED.search(told):
            return
        work = self.progress.works.get(record.jobid) if self.progress else None
        if work is None or self.progress is None:
            self.screen.say(failure(record.rule_name, record.log, told), "red")
        elif record.jobid not in self.progress.failed:
            self.progress.fail(record.jobid)
            self.screen.say(failure(label_of(work), record.log, told), "red")

    def close(self) -> None:
        """Show how the run ended."""
        if not self.ended:
            self.ended = True
            self.screen.end()
            if self.dry and self.progress is not None:
                self.screen.say("Nothing was run (-n).")
            elif self.progress is not None:
                self.screen.say(self.last_line(self.progress))
        super().close()

    def last_line(self, progress: Progress) -> str:
        """Return the line on how a run ended, with the command to go on where not all is done."""
        done, whole = len(progress.done), len(progress.works)
        if done == whole:
            found = [name for name in progress.run.experiments if Path("results", name).is_dir()]
            look = f" Look at {', '.join(f'results/{name}/' for name in found)}." if found else ""
            kept = [name for name in found if name in progress.run.unrecorded]
            record = f" To version it: python -m jointnn record {' '.join(kept)}" if kept else ""
            return f"Done: {several(whole, 'job')} in {exactly(progress.seconds)}.{look}{record}"
        count = f"{done} of {several(whole, 'job')} done"
        if failed := len(progress.failed):
            stopped = f"Stopped: {several(failed, 'job')} failed, {count}."
            return f"{stopped} When it is mended, go on with: {self.again}"
        return f"Interrupted: {count}, nothing is lost. To go on: {self.again}"


def _style(record: logging.LogRecord) -> str:
    return (
        "red" if record.levelno >= logging.ERROR else "yellow" if record.levelno >= logging.WARNING else ""
    )
