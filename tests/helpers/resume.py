"""Jobs that are killed, and go on."""

from contextlib import contextmanager
from pathlib import Path

import pandas as pd
import pytest

from helpers.tiny import files_of
from jointnn.io import paths
from jointnn.stages import run_training as running


class Killed(BaseException):
    """A stand-in for a kill, in one process."""


@contextmanager
def killed_after(monkeypatch, records: int):
    """The process ends right after the resume point of that many records was written."""

    def printed(each, *_):
        left = iter(range(records - 1))
        for _ in each:
            yield
            if next(left, None) is None:
                raise Killed

    with monkeypatch.context() as patched, pytest.raises(Killed):
        patched.setattr(running, "printed", printed)
        yield


def records_of(folder: str) -> int:
    table = pd.read_csv(f"{folder}/history.csv")
    return table.loc[table["metric"] == "learning_rate", "step"].nunique()


def interrupted(run, folder: str, monkeypatch, capsys, after=None) -> None:
    """Kill a job after some of its records (all by default) and go on: the bytes are equal."""
    run()
    whole = files_of(folder)
    for records in after or range(1, records_of(folder) + 1):
        for path in whole:
            Path(path).unlink()
        with killed_after(monkeypatch, records):
            run()
        assert not files_of(folder), "a job that was killed has written no outputs"
        capsys.readouterr()
        run()
        assert capsys.readouterr().out.startswith("Goes on from step ")
        assert files_of(folder) == whole
        assert not files_of(paths.RESUME), "the resume point is gone after the job"
