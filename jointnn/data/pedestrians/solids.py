"""Round solids drawn with depth: tapered capsules, ellipsoids and stacks of ellipses, lit from one side."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

Paint = Callable[["Surface"], np.ndarray] | np.ndarray
"""A colour, shape (3,), or one for each point of a surface, shape (H, W, 3); reflectance, 0 to 1."""


@dataclass(frozen=True)
class Surface:
    """The points of a solid that the camera sees, in a window of the canvas; all of shape (H, W).

    Attributes:
        right, up, near: of the normal, in camera coordinates.
        along: 0 at one end of the solid, 1 at the other; from top to bottom for ellipses.
    """

    right: np.ndarray
    up: np.ndarray
    near: np.ndarray
    along: np.ndarray


@dataclass
class Canvas:
    """A picture that is being drawn.

    Attributes:
        size: width and height, in pixels.
        light: towards the light, in camera coordinates, of length 1.
        colour: reflectance, shape (H, W, 3).
        lit: the share of the sun's light that falls on it, shape (H, W).
        open: the share of the sky's light, shape (H, W).
        depth: towards the camera, shape (H, W); -inf where nothing is.
    """

    size: tuple[int, int]
    light: np.ndarray
    colour: np.ndarray = field(init=False)
    lit: np.ndarray = field(init=False)
    open: np.ndarray = field(init=False)
    depth: np.ndarray = field(init=False)

    def __post_init__(self) -> None:
        width, height = self.size
        self.colour = np.zeros((height, width, 3), np.float32)
        self.lit = np.zeros((height, width), np.float32)
        self.open = np.zeros((height, width), np.float32)
        self.depth = np.full((height, width), -np.inf, np.float32)

    def window(self, left: float, top: float, right: float, bottom: float) -> tuple[slice, slice] | None:
        """Return the rows and columns of a rectangle in pixels, cut to the canvas; None for none."""
        width, height = self.size
        rows = slice(max(0, int(top)), min(height, int(bottom) + 2))
        columns = slice(max(0, int(left)), min(width, int(right) + 2))
        return (rows, columns) if rows.start < rows.stop and columns.start < columns.stop else None

    def put(
        self, at: tuple[slice, slice], inside: np.ndarray, depth: np.ndarray, on: Surface, paint: Paint
    ) -> None:
        """Draw a surface where it is nearer than what is there already."""
        seen = inside & (depth > self.depth[at])
        x, y, z = (float(part) for part in self.light)
        np.copyto(self.colour[at], paint(on) if callable(paint) else paint, where=seen[..., None])
        np.copyto(self.lit[at], np.maximum(x * on.right + y * on.up + z * on.near, 0), where=seen)
        # Little sky reaches what looks down or stands on edge.
        np.copyto(self.open[at], 0.55 + 0.25 * on.up + 0.2 * on.near, where=seen)
        np.copyto(self.depth[at], depth, where=seen)


def _grid(at: tuple[slice, slice]) -> tuple[np.ndarray, np.ndarray]:
    """Return the columns, shape (1, W), and the rows, shape (H, 1), of a window."""
    rows, columns = at
    across = np.arange(columns.start, columns.stop, dtype=np.float32)[None]
    return across, np.arange(rows.start, rows.stop, dtype=np.float32)[:, None]


def capsule(
    canvas: Canvas, ends: tuple[np.ndarray, np.ndarray], radii: tuple[float, float], paint: Paint
) -> None:
    """Draw a limb between two points (column, row, depth), each with its radius; all in pixels."""
    # Python's own numbers, so that the arrays stay float32.
    (x, y, z), (dx, dy, dz) = ends[0].tolist(), (ends[1] - ends[0]).tolist()
    most = max(radii)
    at = canvas.window(
        min(x, x + dx) - most, min(y, y + dy) - most, max(x, x + dx) + most, max(y, y + dy) + most
    )
    if at is None:
        return
    across, down = _grid(at)
    across, down = across - x, down - y
    length = max(dx * dx + dy * dy, 1e-6)
    along = np.minimum(np.maximum(across * (dx / length) + down * (dy / length), 0), 1)
    radius = radii[0] + (radii[1] - radii[0]) * along
    right, up = (across - along * dx) / radius, (along * dy - down) / radius
    rest = 1 - right * right - up * up
    near = np.sqrt(np.maximum(rest, 0))
    canvas.put(at, rest > 0, z + along * dz + radius * near, Surface(right, up, near, along), paint)


def ellipsoid(canvas: Canvas, centre: np.ndarray, radii: tuple[float, float, float], paint: Paint) -> None:
    """Draw an upright ellipsoid about (column, row, depth); radii across, up and to the viewer, in
    pixels."""
    x, y, z = centre.tolist()
    at = canvas.window(x - radii[0], y - radii[1], x + radii[0], y + radii[1])
    if at is None:
        return
    across, down = _grid(at)
    right, up = np.broadcast_arrays((across - x) / radii[0], (y - down) / radii[1])
    rest = 1 - right * right - up * up
    near = np.sqrt(np.maximum(rest, 0))
    canvas.put(at, rest > 0, z + radii[2] * near, Surface(right, up, near, (1 - up) / 2), paint)


def stack(canvas: Canvas, knots: np.ndarray, sag: float, paint: Paint) -> None:
    """Draw horizontal ellipses above each other: a trunk, a coat, a skirt.

    Args:
        knots: shape (K, 5): row, column of the centre, its depth, half width and half thickness, in pixels,
            from top to bottom.
        sag: how much lower the front of an ellipse is seen than its centre, per half thickness: the sine of
            the angle at which the camera looks down.
    """
    rows, centres, depths, widths, thick = knots.T
    deepest = rows[-1] + sag * thick.max()
    at = canvas.window((centres - widths).min(), rows[0], (centres + widths).max(), deepest)
    if at is None:
        return
    across, down = _grid(at)
    y = down[:, 0]
    centre, width, deep, thickness = (
        np.interp(y, rows, v)[:, None] for v in (centres, widths, depths, thick)
    )
    right = (across - centre) / width
    rest = 1 - right * right
    near = np.sqrt(np.maximum(rest, 0))
    height = down - sag * thickness * near
    inside = (rest > 0) & (height >= rows[0]) & (height <= rows[-1])
    along = (height - rows[0]) / (rows[-1] - rows[0])
    up = np.broadcast_to(np.gradient(width[:, 0])[:, None] * 0.7, right.shape) if len(y) > 1 else 0 * right
    canvas.put(at, inside, deep + thickness * near, Surface(right, up, near, along), paint)
