"""Belongings of a figure: a backpack, a bag at the side or in the hand, an umbrella."""

import numpy as np

from jointnn.data.pedestrians.figure import Figure
from jointnn.data.pedestrians.gait import shift


def draw_belongings(figure: Figure) -> None:
    """Draw the bag or umbrella of a person, if there is one."""
    {
        "backpack": _backpack,
        "shoulder": _shoulder_bag,
        "hand": _hand_bag,
        "umbrella": _umbrella,
    }.get(figure.person.bag, lambda _: None)(figure)


def _backpack(figure: Figure) -> None:
    """Draw a rounded sack on the back, with a pocket."""
    neck, pelvis = figure.joints["neck"], figure.joints["pelvis"]
    middle = 0.58 * neck + 0.42 * pelvis - shift(0.0, 0.0, 0.085 * figure.person.build)
    colour = figure.person.bag_colour
    figure.ball(middle, (0.088, 0.125, 0.062), colour)
    figure.ball(middle - shift(0.0, 0.035, 0.03), (0.062, 0.06, 0.05), 0.8 * colour)


def _shoulder_bag(figure: Figure) -> None:
    """Draw a bag at the left hip; its strap is painted on the trunk."""
    centre = figure.joints["pelvis"] + shift(0.125 * figure.person.build, -0.005, 0.0)
    figure.rings(
        [
            (centre + shift(0.0, 0.055, 0.0), 0.03, 0.07),
            (centre + shift(0.0, 0.045, 0.0), 0.036, 0.078),
            (centre - shift(0.0, 0.05, 0.0), 0.042, 0.082),
        ],
        figure.person.bag_colour,
    )


def _holding_side(figure: Figure, bent: float) -> str:
    """Return the side of the arm that is bent by `bent`: "left" or "right"."""
    return "left" if figure.person.pose.arms[0].bent == bent else "right"


def _hand_bag(figure: Figure) -> None:
    """Draw a bag that hangs from the hand."""
    hand = figure.joints[f"{_holding_side(figure, 6)}_hand"]
    colour = figure.person.bag_colour
    figure.limb((hand, hand - shift(0.0, 0.04, 0.0)), (0.006, 0.02), 0.6 * colour)
    figure.rings(
        [
            (hand - shift(0.0, 0.035, 0.0), 0.022, 0.055),
            (hand - shift(0.0, 0.05, 0.0), 0.028, 0.064),
            (hand - shift(0.0, 0.15, 0.0), 0.032, 0.068),
        ],
        colour,
    )


def _umbrella(figure: Figure) -> None:
    """Draw an open umbrella above the head, its stick in the hand."""
    joints = figure.joints
    hand = joints[f"{_holding_side(figure, 120)}_hand"]
    over = joints["head"] + shift(0.0, 0.10, 0.0)
    top = np.array([0.5 * (hand[0] + over[0]), over[1], 0.3 * hand[2] + 0.7 * over[2]])
    figure.limb((hand, top), (0.006, 0.006), np.array([0.3, 0.3, 0.3]))
    figure.rings(
        [
            (top + shift(0.0, 0.055, 0.0), 0.012, 0.012),
            (top + shift(0.0, 0.045, 0.0), 0.09, 0.09),
            (top + shift(0.0, 0.02, 0.0), 0.16, 0.16),
            (top - shift(0.0, 0.015, 0.0), 0.2, 0.2),
        ],
        figure.person.bag_colour,
    )
