"""The learning rate of every step."""

import pytest

from jointnn.methods.settings import Training
from jointnn.training.schedule import Schedule


def rates(**settings) -> list[float]:
    schedule = Schedule(Training(learning_rate=0.8, steps=10, **settings))
    return [schedule.rate(step) for step in range(10)]


def test_a_schedule_is_what_its_name_says():
    assert rates(schedule="constant") == [0.8] * 10
    assert rates(schedule="staircase", decay_every=4) == pytest.approx([0.8] * 4 + [0.08] * 4 + [0.008] * 2)
    cosine = rates(schedule="cosine")
    assert cosine[0] == 0.8
    assert cosine[5] == pytest.approx(0.4)
    assert cosine == sorted(cosine, reverse=True)


def test_a_stalled_loss_halves_the_rate_and_a_better_one_starts_the_count_again():
    schedule = Schedule(Training(learning_rate=0.8, schedule="stalled", patience=2))
    found = []
    for loss in [5.0, 6.0, 4.0, 4.0, 4.0, 4.0, 3.0, 3.0, 3.0]:
        schedule.record(loss)
        found.append(schedule.rate(0))
    #         5    6    4    4    4: two in vain  3: better      two in vain
    assert found == [0.8, 0.8, 0.8, 0.8, 0.4, 0.4, 0.4, 0.4, 0.2]


def test_a_schedule_goes_on_from_its_state():
    whole, first = (Schedule(Training(schedule="stalled", patience=1)) for _ in range(2))
    for loss in [1.0, 2.0]:
        whole.record(loss)
        first.record(loss)
    then = Schedule(Training(schedule="stalled", patience=1))
    then.go_on(first.state())
    for schedule in (whole, then):
        schedule.record(1.5)
    assert whole.state() == then.state()
    assert whole.halvings == 2
