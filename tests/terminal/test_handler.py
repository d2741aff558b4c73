"""Records of Snakemake in our words: of jobs that a cluster took, or did not take, as one group."""

import io
import logging

from jointnn.terminal.handler import Handler
from jointnn.terminal.screens import Lines


def told(*records: dict) -> str:
    """Return the lines that are shown of records, in order, of a run that is not planned yet."""
    stream = io.StringIO()
    handler = Handler(Lines(stream), lambda: None, "snakemake", dry=False, stop=lambda: None)
    for entries in records:
        handler.emit(logging.makeLogRecord({"levelno": logging.ERROR, **entries}))
    return stream.getvalue()


def job(number: int) -> dict:
    return {
        "event": "job_error",
        "jobid": number,
        "rule_name": "collect",
        "rule_msg": None,
        "log": ["no/such.log"],
    }


def test_jobs_of_a_group_that_failed_without_a_log_say_where_to_look():
    group = {"event": "group_error", "job_error_info": [{"jobid": 3}, {"jobid": 4}]}
    assert told(group, job(3), job(4)).count("its group of jobs failed before this one wrote a log") == 2
    assert "error: it says nothing of why it failed." in told(group, job(5))
