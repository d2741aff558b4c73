"""How a person walks: the joints of a skeleton as a function of the phase of the stride.

The angles of hip, knee and ankle have the shape of the curves of natural cadence in D. A. Winter, The
Biomechanics and Motor Control of Human Gait (2nd edition, 1991), every tenth of a stride; they were drawn
after these curves, not read from its tables, and may be some degrees off. Legs and arms are about as long
as Drillis and Contini (1966) have them, as fractions of the height.
"""

from dataclasses import dataclass
from math import cos, floor, pi, radians, sin

import numpy as np

HIP = (30, 27, 18, 7, -3, -10, -6, 10, 24, 31)
KNEE = (5, 16, 17, 11, 7, 12, 35, 60, 52, 20)
ANKLE = (0, -5, 2, 6, 9, 8, -15, -10, 0, 2)
"""Degrees from heel strike (0) on: flexion of hip and knee, lifting of the foot."""

THIGH, SHANK, SOLE = 0.245, 0.246, 0.039
HEEL, TOE = -0.025, 0.088
UPPER_ARM, FOREARM, HAND = 0.186, 0.146, 0.06
SHOULDERS, HIPS = 0.104, 0.050
"""Half distances between the joints; the trunk is as high as the rest leaves."""
TRUNK, NECK = 0.306, 0.034
SIDES = {"left": 1.0, "right": -1.0}

Joints = dict[str, np.ndarray]


@dataclass(frozen=True)
class Arm:
    """How an arm is held, in degrees: forward at the shoulder, away from the body, bent, turned inwards.

    `swings` is the part of the usual swing that it takes part in.
    """

    forward: float = 0.0
    away: float = 9.0
    bent: float = 14.0
    inwards: float = 10.0
    swings: float = 1.0


@dataclass(frozen=True)
class Pose:
    """A moment of a stride.

    Attributes:
        phase: of the left leg, in strides; 0 is its heel strike. The right leg is half a stride behind.
        stride: all angles of the legs are this much of Winter's; 0 stands still.
        lean: of the trunk, in degrees forward.
        arms: left and right.
    """

    phase: float
    stride: float = 1.0
    lean: float = 3.0
    arms: tuple[Arm, Arm] = (Arm(), Arm())


def shift(left: float, up: float, forward: float) -> np.ndarray:
    """Return a step between two places of the body, shape (3,)."""
    return np.array([left, up, forward])


def angle(curve: tuple[int, ...], phase: float) -> float:
    """Return an angle in radians at a phase in strides: linear between tenths, of period 1."""
    place = (phase - floor(phase)) * len(curve)
    k = int(place)
    here, after = curve[k % len(curve)], curve[(k + 1) % len(curve)]
    return radians(here + (after - here) * (place - k))


def leg(phase: float, stride: float) -> dict[str, tuple[float, float]]:
    """Return the joints of one leg relative to its hip, as (up, forward)."""
    thigh = stride * angle(HIP, phase)
    shank = thigh - stride * angle(KNEE, phase)
    foot = shank + stride * angle(ANKLE, phase)
    knee = (-THIGH * cos(thigh), THIGH * sin(thigh))
    ankle = (knee[0] - SHANK * cos(shank), knee[1] + SHANK * sin(shank))

    def on_sole(forward: float) -> tuple[float, float]:
        return (
            ankle[0] - SOLE * cos(foot) + forward * sin(foot),
            ankle[1] + SOLE * sin(foot) + forward * cos(foot),
        )

    return {"knee": knee, "ankle": ankle, "heel": on_sole(HEEL), "toe": on_sole(TOE)}


def arm(pose: Pose, side: str) -> dict[str, np.ndarray]:
    """Return the joints of an arm relative to its shoulder, (left, up, forward).

    The arm swings against the leg of its side.
    """
    held, outwards = pose.arms[side == "right"], SIDES[side]
    swing = -cos(2 * pi * (pose.phase + 0.5 * (side == "right")))
    part = pose.stride * held.swings
    forward = radians(held.forward + 22 * part * swing - 2 * part)
    bent = radians(held.bent + 9 * part * (1 + swing))
    away, inwards = radians(held.away), radians(held.inwards)
    upper = np.array([outwards * sin(away), -cos(away) * cos(forward), cos(away) * sin(forward)])
    lower = np.array(
        [
            outwards * (sin(away) * cos(bent) - sin(inwards) * sin(bent)),
            -cos(forward + bent),
            sin(forward + bent) * cos(inwards),
        ]
    )
    lower /= np.linalg.norm(lower)
    elbow = UPPER_ARM * upper
    return {"elbow": elbow, "wrist": elbow + FOREARM * lower, "hand": elbow + (FOREARM + HAND) * lower}


def skeleton(pose: Pose) -> Joints:
    """Return all joints of a walker of height 1, each as (left, up, forward), shape (3,).

    The lower foot stands on the ground, up = 0; the pelvis is above the origin.
    """
    legs = {side: leg(pose.phase + 0.5 * (side == "right"), pose.stride) for side in SIDES}
    pelvis = -min(min(joints["heel"][0], joints["toe"][0]) for joints in legs.values())
    turn = 0.018 * pose.stride * cos(2 * pi * pose.phase)
    lean = radians(pose.lean)
    neck = np.array([0.0, pelvis + TRUNK * cos(lean), TRUNK * sin(lean)])
    joints = {
        "pelvis": np.array([0.0, pelvis, 0.0]),
        "neck": neck,
        "head": neck + shift(0.0, NECK + 0.068, 0.012 + 0.5 * NECK * sin(lean)),
    }
    for side, outwards in SIDES.items():
        # The pelvis goes forward with the leg, the shoulders the other way.
        joints[f"{side}_hip"] = np.array([outwards * HIPS, pelvis, outwards * turn])
        for name, (up, forward) in legs[side].items():
            joints[f"{side}_{name}"] = joints[f"{side}_hip"] + shift(0.0, up, forward)
        shoulder = neck + shift(outwards * SHOULDERS, -0.046, -outwards * turn)
        joints[f"{side}_shoulder"] = shoulder
        for name, place in arm(pose, side).items():
            joints[f"{side}_{name}"] = shoulder + place
    return joints
