"""Which jobs are up to date, and how Snakemake, which looks at times alone, is told so.

A job is fresh exactly if the record beside its outputs is equal to its settings, which hold the digests of
all jobs before it. So freshness is decided by content, wherever the outputs came from: a checkout of DVC
gives files any times in any order. Snakemake is shown one time that counts, that of a job's settings file;
to the times of all other inputs it is made blind (`ancient`).
"""

import os
import time
from collections.abc import Collection, Iterable
from pathlib import Path

from jointnn.errors import UserError
from jointnn.io.files import set_times, write_atomically
from jointnn.jobs.graph import Jobs
from jointnn.jobs.specs import Job

LAST_OF_0_1 = "0.1.0, commit b9af79a"
# The settings file of a fresh job must be older than all that the job has made.
LONG_AGO = 0


def is_fresh(job: Job) -> bool:
    """Return whether a job's record has these very settings and the outputs of a user's choice are there.

    Snakemake does not look for those outputs.
    """
    return _content(Path(job.record)) == job.text and _are_there(job.of_choice)


def is_finished(job: Job) -> bool:
    """Return whether a job is fresh and all its outputs are here, so that it needs no inputs."""
    return is_fresh(job) and _are_there(job.outputs)


def is_settled(jobs: Jobs, job: Job, known: dict[str, bool], forced: Collection[str] = ()) -> bool:
    """Return whether a job and every job before it are fresh: nothing before it can make it run.

    Images do not count, for which a finished job does not ask.

    Args:
        known: results for jobs by their records, to which this one adds.
        forced: rules whose jobs are to run again, and with them all after them.
    """
    if job.record not in known:
        before = [other for other in jobs.before(job).values() if forced or not other.makes_images]
        known[job.record] = (
            job.rule not in forced
            and is_fresh(job)
            and all(is_settled(jobs, other, known, forced) for other in before)
        )
    return known[job.record]


def write_settings(job: Job) -> str:
    """Write a job's settings file, newer than the outputs exactly if they were made with other settings.

    Returns:
        Its path. Where there are no outputs yet it is old too: Snakemake sees that they are missing.

    Raises:
        UserError: the outputs are results of jointnn 0.1, which would be lost.
    """
    path, record = Path(job.settings_file), Path(job.record)
    _refuse_results_of_0_1(record)
    if _content(path) != job.settings_text:
        write_atomically(path, job.settings_text.encode())
    is_stale = record.exists() and not is_fresh(job)
    if is_stale:
        of_the_past([job.record])
    set_times(path, None if is_stale else LONG_AGO)
    return str(path)


def of_the_past(files: Iterable[str]) -> list[str]:
    """Set times of the future, as checkouts may give them, to now, and return the files as a list.

    Snakemake takes an input that is newer than an output for a wrong clock. Of a link it takes the later
    one of its own time and that of what it points to.
    """
    named, now = list(files), time.time()
    for path in map(Path, named):
        if path.exists() and path.stat().st_mtime > now:
            set_times(path, now - 1)
        if path.is_symlink() and path.lstat().st_mtime > now:
            os.utime(path, (now - 1, now - 1), follow_symlinks=False)
    return named


def _refuse_results_of_0_1(record: Path) -> None:
    """Refuse to write over results that another version alone can read."""
    top, content = record.parts[0], _content(record)
    # Records of 0.1 name the jobs before them `upstream`.
    if top in ("runs", "search", "results") and content and '\n "upstream": ' in content:
        raise UserError(
            f"{record} is of jointnn 0.1, whose results this version cannot read and would write over. The "
            f"last version that reads them is {LAST_OF_0_1}. To train anew here, move runs/, search/ and "
            "results/ away first."
        )


def _are_there(files: Iterable[str]) -> bool:
    return all(Path(file).exists() for file in files)


def _content(path: Path) -> str | None:
    # A damaged file is another one: its job runs again.
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else None
