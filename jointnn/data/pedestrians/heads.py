"""The head of a figure: face, hair, hat, neck."""

from collections.abc import Callable

import numpy as np

from jointnn.data.pedestrians.figure import Figure, View
from jointnn.data.pedestrians.gait import shift
from jointnn.data.pedestrians.people import Person
from jointnn.data.pedestrians.solids import Surface

HEAD = (0.053, 0.070, 0.061)
"""Half width, height and depth, in body heights."""


def draw_head(figure: Figure) -> None:
    """Draw neck, head, hair that stands off, and hat."""
    person, joints, size = figure.person, figure.joints, figure.person.head
    neck, head = joints["neck"], joints["head"] + shift(0.0, 0.067 * (size - 1), 0.0)
    figure.limb(
        (neck - shift(0.0, 0.01, 0.0), head - shift(0.0, 0.02, 0.012)),
        (0.034 * person.build, 0.029),
        person.skin,
    )
    figure.ball(head, (HEAD[0] * size, HEAD[1] * size, HEAD[2] * size), face_paint(person, figure.view))
    wide, high, deep = (size * r for r in HEAD)
    if person.style == "long":
        end = neck + shift(0.0, -0.02, -0.045)
        figure.limb((head + shift(0.0, 0.01, -0.3 * deep), end), (0.95 * wide, 0.8 * wide), person.hair)
    elif person.style == "bun":
        figure.ball(head + shift(0.0, 0.35 * high, -1.0 * deep), (0.024, 0.024, 0.024), person.hair)
    if person.hat is not None:
        crown = (1.12 * wide, 0.62 * high, 1.1 * deep)
        figure.ball(head + shift(0.0, 0.5 * high, -0.05 * deep), crown, person.hat)
        figure.ball(
            head + shift(0.0, 0.42 * high, 0.6 * deep),
            (0.9 * wide, 0.07 * high, 0.9 * deep),
            0.7 * person.hat,
        )


def face_paint(person: Person, view: View) -> Callable[[Surface], np.ndarray]:
    """Return the paint of a head: skin, shadows of eyes and mouth, hair above and behind."""

    def paint(on: Surface) -> np.ndarray:
        left, front = view.turned(on)
        out = np.broadcast_to(person.skin, (*left.shape, 3)).copy()
        eyes = (np.abs(np.abs(left) - 0.36) < 0.2) & (np.abs(on.up - 0.1) < 0.1) & (front > 0.2)
        out[eyes] *= 0.68
        out[(np.abs(left) < 0.25) & (np.abs(on.up + 0.5) < 0.06) & (front > 0.2)] *= [0.75, 0.55, 0.55]
        out[(on.up < -0.72)] *= 0.8
        behind = front < (0.3 if person.style == "long" else 0.1) - 0.2 * np.abs(on.up)
        if person.style == "bald":
            hair = behind & (on.up < 0.35) & (on.up > -0.5) & (front < 0.1)
        else:
            hair = (on.up > 0.52 + 0.12 * front) | (
                behind & (on.up > (-0.95 if person.style == "long" else -0.5))
            )
        out[hair] = person.hair
        return out

    return paint
