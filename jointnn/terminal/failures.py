"""Messages of failed jobs: the sentence first, then the place of the log."""

import re
from collections.abc import Sequence
from pathlib import Path

SENTENCE = "error: "
"""Beginning of a message about a mistake that a person can mend (`__main__`)."""
LINES = 12
"""Lines of a longer message, or of the end of a log without a sentence, that are shown."""
INTERRUPTED = re.compile(r"exit status (130|143)\b|died with <Signals\.(SIGINT|SIGTERM)")
REFUSED = re.compile(r"The error message was '(.*?)'\.?\n", re.DOTALL)
"""Pattern of SLURM's message on a submission that it does not take, as Snakemake's plugin words it."""
KILLED = re.compile(r"exit status 137\b|died with <Signals\.SIGKILL")
EXCEPTION = re.compile(r"^[\w.]+(Error|Exception|Interrupt|Exit|Warning)\b")


def failure(label: str, logs: Sequence[str], told: str = "") -> str:
    """Return the message about a failed job.

    Args:
        label: the job in words.
        logs: its logs: its own first, then that of a cluster.
        told: Snakemake's message about it.
    """
    read = [found for path in logs if any(found := sentence_in(_text(path)))]
    sentence, end = read[0] if read else ("", [])
    if not sentence:
        sentence = f"{SENTENCE}{_without(told)}"
    where = f"  job: {label}; its log: {', '.join(logs)}" if logs else f"  job: {label}"
    return "\n".join([sentence, *(f"  | {line}" for line in end), where])


def sentence_in(log: str) -> tuple[str, list[str]]:
    """Return the sentence of a log that tells what went wrong, and lines that show more.

    That is the last line `error: ...` with those that follow. A log without one ends with the traceback of
    a mistake of ours: its exception is the sentence, and its end is shown.
    """
    lines = log.rstrip().splitlines()
    begins = [index for index, line in enumerate(lines) if line.startswith(SENTENCE)]
    if begins:
        return "\n".join(lines[begins[-1] :][:LINES]), []
    raised = [line for line in lines if EXCEPTION.match(line)]
    return (f"{SENTENCE}{raised[-1]}" if raised else ""), lines[-LINES:]


def _without(told: str) -> str:
    """Return the message about a job whose log says nothing."""
    if KILLED.search(told):
        return "the job was killed; often that is because memory was short."
    if refused := REFUSED.search(told):
        return f"SLURM did not take the job: {' '.join(refused[1].split())}"
    last = told.strip().splitlines()[-1:] or ["it says nothing of why it failed."]
    return last[0]


def _text(path: str) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
