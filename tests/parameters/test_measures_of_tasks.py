"""Which measures a task can give, read from its source: a wrong one is said before anything runs."""

from pathlib import Path

import pytest
from helpers.params import read

from jointnn.errors import UserError
from jointnn.parameters.entries import measures_of
from jointnn.tasks import measures

OF_OURS = {
    "classification": {"loss", "accuracy"},
    "completion": {"loss", "error", "hole_error"},
    "regression": {"loss", "squared_error", "absolute_error", "r_squared"},
    "generation": None,  # some are those of its architecture
}
TASK = """from jointnn.tasks.base import OneLoss
{imported}
OFF = {made}


class dark(OneLoss):
    def loss(self, network, batch):
        return network(batch.images).mean()
"""
MEASURE = "from jointnn.tasks.measures import Measure"


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def own(imported: str = MEASURE, made: str = 'Measure("off")') -> None:
    Path("mine.py").write_text(TASK.format(imported=imported, made=made))


@pytest.mark.parametrize("task", OF_OURS)
def test_the_measures_of_a_task_of_ours_stand_in_its_file(task):
    assert measures_of(task) == OF_OURS[task]


def test_every_measure_of_ours_has_its_own_name_in_capitals():
    assert all(getattr(measures, name.upper()) is measure for name, measure in measures.OURS.items())


@pytest.mark.parametrize(
    ("imported", "made", "known"),
    [
        (MEASURE, 'Measure("off", unit="m")', {"loss", "off"}),
        (MEASURE, 'Measure(unit="m", name="off")', {"loss", "off"}),
        (f"{MEASURE}, ACCURACY, LOWEST", 'Measure("off")', {"loss", "off", "accuracy"}),
        (f"import numpy as np\n{MEASURE}", "None", {"loss"}),
    ],
)
def test_measures_of_ones_own_task_are_read_without_running_it(imported, made, known):
    own(imported, f"{made}\nraise SystemExit('this runs')")
    assert measures_of("mine:dark") == known


@pytest.mark.parametrize(
    ("imported", "made"),
    [
        (MEASURE, 'Measure("o" + "ff")'),
        (f"{MEASURE} as M", 'M("off")'),
        ("import jointnn.tasks.measures as m", 'm.Measure("off")'),
        ("from jointnn.tasks import measures", 'measures.Measure("off")'),
        ("from jointnn.tasks.measures import OURS", "OURS"),
        ("from my_measures import OFF", "OFF"),
        ("from .others import OFF", "OFF"),
        ("from jointnn.tasks.completion import completion", "None"),
    ],
)
def test_where_a_file_alone_does_not_tell_its_measures_none_is_refused(imported, made):
    own(imported, made)
    assert measures_of("mine:dark") is None
    read({"experiments.toy.task": "mine:dark", "experiments.toy.measures": ["anything"]})


def test_a_measure_that_the_task_does_not_give_is_refused_with_the_nearest():
    own()
    with pytest.raises(UserError) as refused:
        read({"experiments.toy.task": "mine:dark", "experiments.toy.measures": ["of", "loss"]})
    assert str(refused.value) == (
        "params/experiments/toy.yaml: measures: mine:dark does not measure 'of'; did you mean 'off'?"
    )
