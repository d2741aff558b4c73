"""Which runs of Snakemake are at work in a folder, and the locks of those that were killed.

Snakemake's locks are files, which outlive a run that was killed by SIGKILL or a power cut. Beside them
each run, and each process that it starts for a job, holds a lock of the system. That one ends with its
process.
"""

import fcntl
import os
from pathlib import Path

LOCK = ".snakemake/runs.lock"
OF_SNAKEMAKE = ".snakemake/locks"


def hold(*, begins: bool) -> int | None:
    """Take part in the lock of all runs; the file descriptor holds it until this process ends.

    Where no other run is at work, locks of Snakemake are taken away: they are of a run that was killed.

    Args:
        begins: whether this process is a run, and not one that a run started for a job.

    Returns:
        The descriptor; None where the file system knows no such locks, so that Snakemake's alone hold.
    """
    Path(LOCK).parent.mkdir(exist_ok=True)
    place = os.open(LOCK, os.O_CREAT | os.O_RDONLY, 0o666)
    try:
        if begins and _is_free(place):
            for file in Path(OF_SNAKEMAKE).glob("*.lock"):
                file.unlink(missing_ok=True)
        fcntl.flock(place, fcntl.LOCK_SH)
    except OSError:
        os.close(place)
        return None
    return place


def are_at_work(root: str | Path = ".") -> bool:
    """Return whether a run is at work in a folder, or a job that a killed run left behind."""
    if not any(Path(root, OF_SNAKEMAKE).glob("*")):
        return False
    try:
        place = os.open(Path(root, LOCK), os.O_RDONLY)
    except FileNotFoundError:
        return True  # Snakemake's locks alone tell
    try:
        return not _is_free(place)
    except OSError:
        return True
    finally:
        os.close(place)


def _is_free(place: int) -> bool:
    """Return whether nobody has the lock, and take it then."""
    try:
        fcntl.flock(place, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
