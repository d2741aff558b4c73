"""Things in streets: trees, hedges, parked cars, lamp posts, bollards; and whole scenes of them."""

import numpy as np
from PIL import Image

from jointnn.data.pedestrians.noise import noise
from jointnn.data.pedestrians.street import (
    FINE,
    GROUNDS,
    LEAVES,
    PAINTS,
    Scene,
    paint_facade,
    paint_ground,
    paint_side_wall,
    paint_sky,
)


def paint_foliage(scene: Scene, x: float, y: float, away: float, size: tuple[float, float]) -> None:
    """Paint leaves in clumps, the upper ones lighter; `size` is half width and half height in metres."""
    rng, leaf, k = scene.rng, scene.pick(LEAVES), FINE * scene.focal / away
    column, row = scene.point(x, y, away)
    wide, high = size[0] * k, size[1] * k
    left, right = max(0, int(column - 1.4 * wide)), min(scene.image.width, int(column + 1.4 * wide))
    top, bottom = max(0, int(row - 1.4 * high)), min(scene.image.height, int(row + 1.4 * high))
    if left >= right or top >= bottom:
        return
    across = (np.arange(left, right, dtype=np.float32)[None] - column) / wide
    up = (row - np.arange(top, bottom, dtype=np.float32)[:, None]) / high
    clumps, leaves = (noise(rng, (bottom - top, right - left), grain) for grain in (5, 2))
    inside = across**2 + up**2 < 0.85 + 0.35 * clumps + 0.2 * leaves
    light = 0.85 + 0.3 * up + 0.16 * clumps + 0.2 * leaves
    colour = np.clip(leaf.astype(np.float32) * light[..., None], 0, 255).astype(np.uint8)
    scene.image.paste(Image.fromarray(colour), (left, top), Image.fromarray(255 * inside.astype(np.uint8)))


def paint_tree(scene: Scene, x: float, away: float) -> None:
    """Paint a trunk and its crown."""
    rng = scene.rng
    bark, thick = np.array([72, 58, 46]) * rng.uniform(0.6, 1.3), rng.uniform(0.1, 0.25)
    scene.upright((x - thick, x + thick), (0, 3.5), away, bark)
    scene.upright((x - thick, x - 0.4 * thick), (0, 3.5), away, bark * 1.3)
    paint_foliage(scene, x, rng.uniform(3.2, 4.5), away, (rng.uniform(1.5, 2.5), 1.6))


def paint_hedge(scene: Scene, away: float) -> None:
    """Paint bushes across the whole view."""
    wide, high = scene.half_width(away), scene.rng.uniform(0.6, 2.5)
    scene.upright((-wide, wide), (0, high), away, scene.pick(LEAVES) * 0.5)
    for x in np.linspace(-wide, wide, 3):
        paint_foliage(scene, x, high * 0.55, away, (wide * 0.4, high * 0.6))


def paint_car(scene: Scene, x: float, away: float) -> None:
    """Paint a parked car from its side."""
    rng, paint = scene.rng, scene.pick(PAINTS)
    s = rng.choice([-1.0, 1.0])

    def shape(points: list[tuple[float, float]], colour: np.ndarray) -> None:
        scene.polygon([(x + s * a, b, away) for a, b in points], colour)

    scene.upright((x - 2.1, x + 2.1), (0, 0.3), away, np.array([24, 24, 26]))
    hull = [(-2.1, 0.3), (-2.15, 0.75), (-1.3, 0.92), (2.0, 0.95), (2.1, 0.6), (2.05, 0.3)]
    shape(hull, paint)
    shape([(-1.3, 0.9), (-0.6, 1.42), (1.2, 1.45), (1.9, 0.92)], paint * 1.08)
    glass = np.array([40, 46, 54]) * rng.uniform(0.8, 2)
    shape([(-1.05, 0.95), (-0.52, 1.34), (0.2, 1.36), (0.2, 0.95)], glass)
    shape([(0.3, 0.95), (0.3, 1.36), (1.1, 1.37), (1.6, 0.95)], glass)
    shape([(-2.1, 0.3), (-2.1, 0.45), (2.1, 0.45), (2.1, 0.3)], paint * 0.6)
    for wheel in (-1.3, 1.3):
        scene.blob(x + s * wheel, 0.32, away, 0.33, np.array([22, 22, 24]))
        scene.blob(x + s * wheel, 0.32, away, 0.18, np.array([130, 130, 134]))


def paint_post(scene: Scene, x: float, away: float) -> None:
    """Paint a lamp post, a sign or a bollard."""
    rng = scene.rng
    colour = np.array([70, 72, 74]) * rng.uniform(0.4, 2.2)
    kind, thick = rng.integers(3), rng.uniform(0.04, 0.08)
    high = (6.0, 2.6, 0.9)[kind]
    scene.upright((x - thick, x + thick), (0, high), away, colour)
    scene.upright((x - thick, x - 0.3 * thick), (0, high), away, colour * 1.4)
    if kind == 1:
        scene.blob(x, high, away, 0.32, np.array([200, 40, 36]))
        scene.blob(x, high, away, 0.24, scene.pick(((230, 230, 228), (40, 70, 160))))
    elif kind == 2:
        scene.blob(x, high, away, 0.11, colour * 1.2)


def paint_kerb(scene: Scene, away: float, road: np.ndarray) -> None:
    """Paint a road across the view behind the walker, with the kerb before it and a marking on it."""
    wide = scene.half_width(away + 8)
    strip = [(-wide, 0.0, away), (wide, 0.0, away), (wide, 0.0, away + 7), (-wide, 0.0, away + 7)]
    scene.polygon(strip, road)
    edge = [(-wide, 0.0, away), (wide, 0.0, away), (wide, 0.0, away + 0.25), (-wide, 0.0, away + 0.25)]
    scene.polygon(edge, road * 1.5)
    if scene.rng.random() < 0.4:
        line = [(-wide, 0.0, away + 3.4), (wide, 0.0, away + 3.4), (wide, 0.0, away + 3.6)]
        scene.polygon([*line, (-wide, 0.0, away + 3.6)], road * 1.8)


def paint_place(scene: Scene, walker: float) -> None:
    """Paint one whole scene behind a walker who is `walker` metres away."""
    rng = scene.rng
    kind = rng.choice(["front", "street", "park", "wall"], p=[0.42, 0.26, 0.18, 0.14])
    paint_sky(scene)
    grass = kind == "park" and rng.random() < 0.6
    ground = scene.pick(((96, 122, 58), (120, 128, 70)) if grass else GROUNDS)
    paint_ground(scene, ground, 0 if rng.random() < 0.45 or grass else rng.uniform(0.2, 0.8))
    behind = walker * rng.uniform(1.1, 1.5) if kind == "wall" else walker + rng.uniform(4, 30)
    if kind in ("front", "wall"):
        paint_facade(scene, behind)
    elif kind == "street":
        far = walker + rng.uniform(25, 70)
        if rng.random() < 0.6:
            paint_facade(scene, far)
        for side in (-1.0, 1.0):
            paint_side_wall(scene, side * rng.uniform(1.6, 5), far)
    else:
        paint_hedge(scene, behind)
        for _ in range(rng.integers(1, 4)):
            paint_tree(scene, rng.uniform(-1, 1) * scene.half_width(behind), behind * rng.uniform(0.7, 1))
    if kind in ("front", "street"):
        if rng.random() < 0.45:
            paint_kerb(scene, walker + rng.uniform(0.6, 3), scene.pick(GROUNDS) * 0.75)
        _paint_things(scene, walker, behind)


def _paint_things(scene: Scene, walker: float, behind: float) -> None:
    """Paint cars, posts and trees between the walker and the houses, the farthest first."""
    rng = scene.rng
    count = int(rng.integers(0, 4))
    for away in sorted(rng.uniform(walker + 1.2, max(behind, walker + 4), count), reverse=True):
        x = rng.uniform(-1, 1) * scene.half_width(away)
        painter = rng.choice(
            np.array([paint_car, paint_post, paint_tree, paint_post]), p=[0.45, 0.2, 0.15, 0.2]
        )
        painter(scene, x, away)
