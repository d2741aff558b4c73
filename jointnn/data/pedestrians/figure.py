"""A person as solids: the skeleton of the gait, dressed, seen from one side."""

from dataclasses import dataclass
from functools import cached_property
from math import cos, hypot, sin

import numpy as np

from jointnn.data.pedestrians.gait import Joints, skeleton
from jointnn.data.pedestrians.people import Person
from jointnn.data.pedestrians.solids import Canvas, Paint, Surface, capsule, ellipsoid, stack


@dataclass(frozen=True)
class View:
    """From where a person is seen.

    Attributes:
        yaw: of the walker, see Person.
        tilt: how far the camera looks down, in radians.
        scale: pixels of a body height.
        feet: column and row, in pixels, of the point of the ground below the pelvis.
    """

    yaw: float
    tilt: float
    scale: float
    feet: tuple[float, float]

    def point(self, place: np.ndarray) -> np.ndarray:
        """Return (column, row, depth) in pixels of a point (left, up, forward)."""
        left, up, forward = place
        right = left * cos(self.yaw) + forward * sin(self.yaw)
        near = forward * cos(self.yaw) - left * sin(self.yaw)
        row = self.feet[1] - self.scale * (up * cos(self.tilt) - near * sin(self.tilt))
        return np.array([self.feet[0] + self.scale * right, row, self.scale * near])

    def turned(self, on: Surface) -> tuple[np.ndarray, np.ndarray]:
        """Return the left and forward components of the normals of a surface."""
        left = on.right * cos(self.yaw) - on.near * sin(self.yaw)
        return left, on.right * sin(self.yaw) + on.near * cos(self.yaw)


@dataclass(frozen=True)
class Figure:
    """A person being drawn."""

    person: Person
    view: View
    canvas: Canvas

    @cached_property
    def joints(self) -> Joints:
        """Return the skeleton at this moment."""
        return skeleton(self.person.pose)

    def limb(self, ends: tuple[np.ndarray, np.ndarray], radii: tuple[float, float], paint: Paint) -> None:
        """Draw a capsule between two points of the body; radii in body heights."""
        k = self.view.scale
        points = self.view.point(ends[0]), self.view.point(ends[1])
        capsule(self.canvas, points, (radii[0] * k, radii[1] * k), paint)

    def ball(self, centre: np.ndarray, radii: tuple[float, float, float], paint: Paint) -> None:
        """Draw an ellipsoid that turns with the body; radii to the left, up and forward, in body
        heights."""
        across, deep = self.across(radii[0], radii[2])
        k = self.view.scale
        ellipsoid(self.canvas, self.view.point(centre), (across * k, radii[1] * k, deep * k), paint)

    def across(self, width: float, thickness: float) -> tuple[float, float]:
        """Return half the width and half the depth, as seen, of an ellipse that turns with the body."""
        c, s = cos(self.view.yaw), sin(self.view.yaw)
        return hypot(width * c, thickness * s), hypot(width * s, thickness * c)

    def rings(self, places: list[tuple[np.ndarray, float, float]], paint: Paint, over: float = 0.0) -> None:
        """Draw a stack of ellipses: centre, half width and half thickness, from top to bottom.

        Its lower end is brought nearer by `over`, so that cloth lies over the legs that push it forward.
        """
        lifts = [0.0] * (len(places) - 2) + [0.3 * over * self.view.scale, over * self.view.scale]
        knots = [
            (row, column, depth + nearer, *(self.view.scale * r for r in self.across(width, thickness)))
            for (column, row, depth), width, thickness, nearer in (
                (self.view.point(centre), width, thickness, lift)
                for (centre, width, thickness), lift in zip(places, lifts, strict=True)
            )
        ]
        stack(self.canvas, np.array(knots, np.float32), sin(self.view.tilt), paint)
