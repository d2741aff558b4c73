"""Why a job has to run, in a few words: what differs between its record and its settings of now."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from jointnn.errors import UserError
from jointnn.io import paths
from jointnn.io.files import read_json
from jointnn.io.tensors import read_header
from jointnn.jobs.specs import OF_CODE, Job

NOT_MADE = "not made yet"
GOES_ON = "goes on where it was stopped"
ANEW = "what it reads is made anew"
FORCED = "as asked"
SHOWN = 2
"""How many changes are named; more are counted."""


def why(job: Job, *, forced: bool = False) -> str:
    """Return the reason why a job has to run, in words.

    Args:
        forced: whether the user asked for it: `--forcerun`, `--forceall`.
    """
    record = Path(job.record)
    if not record.is_file():
        return GOES_ON if goes_on(job) else NOT_MADE
    try:
        was = read_json(record)
    except UserError:
        return f"{record} is damaged"
    now = json.loads(job.text)
    if changed := [*_changed({key: was.get(key) for key in was.keys() - OF_CODE}, _settings(now))]:
        return _several(changed)
    if changed := _differing(was.get("code"), now.get("code")):
        return f"code changed: {_several(changed)}"
    if was.get("before") != now.get("before"):
        return ANEW
    if missing := [file for file in job.outputs if not Path(file).exists()]:
        return f"gone: {_several(missing)}"
    return FORCED if forced else ANEW


def goes_on(job: Job) -> bool:
    """Return whether the last state that lies in a job's place is its own, not one of other settings."""
    state = Path(paths.state(job.resume))
    try:
        return state.is_file() and read_header(state).get("job") == job.digest
    except UserError:  # damaged: the job says so
        return False


def _settings(known: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in known.items() if key not in OF_CODE}


def _changed(was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """Yield settings that differ, each with its two values where they are short."""
    for key in _differing(was, now):
        before, after = was.get(key), now.get(key)
        if isinstance(before, Mapping) and isinstance(after, Mapping):
            yield from _changed(before, after)
            continue
        values = f"{_shown(before)} -> {_shown(after)}"
        yield f"{key} {values}" if len(values) <= 40 else f"{key} changed"


def _shown(value: Any) -> str:
    return "none" if value is None else json.dumps(value, ensure_ascii=False).strip('"')


def _differing(was: Any, now: Any) -> list[str]:
    before, after = was or {}, now or {}
    return sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))


def _several(names: list[str]) -> str:
    more = len(names) - SHOWN
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more > 0 else "")
