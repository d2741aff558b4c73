"""How often a reader climbs who follows the state of a run from the stage to the equations and back."""

import sys
from collections.abc import Callable
from functools import cache
from itertools import groupby, pairwise
from types import FrameType
from typing import Any

import pytest
from helpers.params import PROJECT
from helpers.tiny import folder_with_data, started
from test_architecture import MODULES, imports_of

from jointnn.stages import sigma, train
from jointnn.training.state import State

FILE_OF = {".".join(file.relative_to(PROJECT).with_suffix("").parts): file for file in MODULES}


@cache
def floor_of(module: str) -> int:
    """One more than the highest floor of a module that this one imports."""
    imported = {
        other
        for other in FILE_OF
        for name in imports_of(FILE_OF[module])
        if f"{name}.".startswith(f"{other}.")
    }
    return 1 + max((floor_of(other) for other in imported - {module}), default=0)


def modules_that_get_the_state(call: Callable[[], None]) -> list[str]:
    """The modules whose functions are handed the state, in the order of a reading.

    A function counts where it is called first; what the state itself can do is not followed."""
    found: dict[tuple[str, str], None] = {}

    def profile(frame: FrameType, event: str, _: Any) -> None:
        module, code = frame.f_globals.get("__name__", ""), frame.f_code
        arguments = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
        if event == "call" and any(isinstance(frame.f_locals.get(name), State) for name in arguments):
            found.setdefault((module, code.co_qualname))

    sys.setprofile(profile)
    try:
        call()
    finally:
        sys.setprofile(None)
    read = [module for module, _ in found if module in FILE_OF and module != State.__module__]
    return [module for module, _ in groupby(read)]


@pytest.mark.slow
def test_who_follows_the_state_of_a_round_climbs_three_times(monkeypatch):
    monkeypatch.chdir(folder_with_data())
    jobs = started()
    train.run(jobs.l2("tiny", 0, "joint"))
    sigma.run(jobs.sigma("tiny", 0, "joint"))
    read = modules_that_get_the_state(lambda: train.run(jobs.irls("tiny", 0, "joint", 1)))
    climbs = [upper for lower, upper in pairwise(read) if floor_of(upper) > floor_of(lower)]
    expected = ["training.loop", "training.updates", "stages.run_training"]
    assert climbs == [f"jointnn.{name}" for name in expected], read
