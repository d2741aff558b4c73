"""Legs, arms and trunk of a figure, dressed."""

from collections.abc import Callable

import numpy as np

from jointnn.data.pedestrians.figure import Figure, View
from jointnn.data.pedestrians.gait import shift
from jointnn.data.pedestrians.people import Person
from jointnn.data.pedestrians.solids import Paint, Surface

TRUNK_PROFILE = (
    (-0.05, 0.030, 0.034), (0.00, 0.038, 0.040), (0.05, 0.058, 0.046), (0.09, 0.080, 0.053),
    (0.14, 0.098, 0.060), (0.21, 0.106, 0.067), (0.34, 0.104, 0.075), (0.62, 0.095, 0.069),
    (0.86, 0.101, 0.075), (1.00, 0.102, 0.073),
)  # fmt: skip
"""From the neck (0) to the pelvis (1): half width and half thickness of a trunk, in body heights."""
CLOTH = {"shirt": 0.0, "dress": 0.0, "pullover": 0.006, "jacket": 0.013, "coat": 0.016}
"""Width that clothes add to the radius, in body heights."""


def draw_leg(figure: Figure, side: str) -> None:
    """Draw thigh, shank and shoe; bare where shorts or a skirt end."""
    person, joints = figure.person, figure.joints
    hip, knee, ankle = (joints[f"{side}_{name}"] for name in ("hip", "knee", "ankle"))
    heel, toe = joints[f"{side}_heel"], joints[f"{side}_toe"]
    b, covered = person.build, person.bottom in ("trousers", "wide")
    loose = 0.012 if person.bottom == "wide" else 0.004
    upper = person.legs if person.bottom != "skirt" else person.skin
    figure.limb((hip, knee), (0.056 * b + loose, 0.038 * b + loose), upper)
    lower = person.legs if covered else person.skin
    add = loose if covered else -0.004
    end = ankle + 0.3 * (heel - ankle) if covered else ankle
    figure.limb((knee, end), (0.037 * b + add, 0.027 * b + add), lower)
    rise = np.array([0.0, 0.018, 0.0])
    figure.limb((heel + rise, toe + 0.8 * rise), (0.023, 0.019), person.shoes)
    figure.limb((ankle, heel + rise), (0.021, 0.023), lower if covered else person.shoes)


def draw_arm(figure: Figure, side: str) -> None:
    """Draw upper arm, forearm and hand; `sleeve` 0 ends at the shoulder, 1 at the elbow, 2 at the wrist."""
    person, joints = figure.person, figure.joints
    shoulder, elbow, wrist, hand = (
        joints[f"{side}_{name}"] for name in ("shoulder", "elbow", "wrist", "hand")
    )
    thick, b = CLOTH[person.top], person.build
    upper, lower = sleeves(person)
    # The slope from the neck to the shoulder.
    base = joints["neck"] - shift(0.0, 0.012, 0.0)
    end = shoulder + shift(0.0, 0.006, 0.0)
    figure.limb((base, end), (0.034, 0.026 * b + 0.5 * thick), person.cloth)
    add = thick if person.sleeve > 1 else 0.0
    figure.limb((shoulder, elbow), (0.031 * b + 0.6 * thick, 0.027 * b + add), upper)
    figure.limb((elbow, wrist), (0.027 * b + add, 0.020 * b + 0.7 * add), lower)
    figure.limb((wrist, 0.4 * wrist + 0.6 * hand), (0.017, 0.018), person.skin)


def sleeves(person: Person) -> tuple[Paint, Paint]:
    """Return the paints of upper arm and forearm."""
    if person.sleeve >= 2:
        return person.cloth, person.cloth
    if person.sleeve <= 0:
        return person.skin, person.skin

    def upper(on: Surface) -> np.ndarray:
        return np.where((on.along < person.sleeve)[..., None], person.cloth, person.skin)

    return upper, person.skin


def draw_trunk(figure: Figure) -> None:
    """Draw the trousers' upper end or a skirt, and over it what is worn above."""
    person, joints = figure.person, figure.joints
    neck, pelvis, b = joints["neck"], joints["pelvis"], person.build
    up = np.array([0.0, 1.0, 0.0])
    if person.bottom == "skirt":
        end = 0.2 if person.top == "coat" else max(0.19, person.hem)
        below = [(pelvis + 0.05 * up, 0.094 * b, 0.068 * b), (pelvis - 0.04 * up, 0.108 * b, 0.082 * b)]
        stride = 0.12 * person.pose.stride
        below.append((pelvis - end * up, 0.108 * b + 0.02, 0.08 * b + stride * 0.6))
        figure.rings(below, person.cloth if person.top == "dress" else person.legs, over=0.1)
    else:
        figure.rings(
            [(pelvis + 0.06 * up, 0.090 * b, 0.066 * b), (pelvis - 0.05 * up, 0.098 * b, 0.072 * b)],
            person.legs,
        )
    add = CLOTH[person.top]
    rings = [
        (neck + t * (pelvis - neck), (width if t < 0.06 else width * b) + add, thickness * b + add)
        for t, width, thickness in TRUNK_PROFILE
    ]
    flare = 0.25 * max(0.0, person.hem - 0.05)
    swing = 0.25 * person.pose.stride * max(0.0, person.hem - 0.06)
    rings.append((pelvis - person.hem * up, 0.100 * b + add + flare, 0.070 * b + add + flare + swing))
    figure.rings(rings, trunk_paint(person, figure.view), over=0.03 + 0.5 * person.hem)


def trunk_paint(person: Person, view: View) -> Callable[[Surface], np.ndarray]:
    """Return the paint of the trunk: cloth, pattern, open front, collar and straps of a bag."""
    second = person.inner if person.top != "coat" else 0.7 * person.cloth

    def paint(on: Surface) -> np.ndarray:
        left, front = view.turned(on)
        out = np.broadcast_to(person.cloth, (*left.shape, 3)).copy()
        if person.pattern == "stripes":
            out[(on.along * 9) % 1 < 0.45] = second
        elif person.pattern == "band":
            out[(on.along > 0.22) & (on.along < 0.36)] = second
        elif person.pattern == "panels":
            out[on.along < 0.24] = second
        if person.opened:
            gap = 0.09 + 0.9 * np.maximum(0.3 - on.along, 0) + 0.1 * on.along
            out[(np.abs(left) < gap) & (front > 0)] = person.inner
        elif person.top in ("jacket", "coat"):  # the line of the buttons
            out[(np.abs(left) < 0.05) & (front > 0)] *= 0.75
        out[on.along < 0.055] = person.cloth * 0.8 if person.top != "shirt" else person.skin
        if person.bag == "backpack":
            out[(np.abs(np.abs(left) - 0.52) < 0.1) & (front > 0) & (on.along < 0.5)] = person.bag_colour
        if person.bag == "shoulder":
            out[np.abs(left * front / np.abs(front).clip(1e-3) + 1.3 * on.along - 0.6) < 0.09] = (
                person.bag_colour
            )
        return out

    return paint
