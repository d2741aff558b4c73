"""The background of the walker: ground, facades, sky, trees, cars, lamp posts, by a pinhole camera.

Places are (right, up, away) in metres from the point of the ground below the camera.
"""

from dataclasses import dataclass, field
from math import cos, sin

import numpy as np
from PIL import Image, ImageDraw

from jointnn.data.pedestrians.noise import noise

Shade = tuple[int, int, int]
FINE = 2
"""Pixels of the drawing per pixel of the picture, before it is made smaller."""

WALLS = (
    (172, 152, 128), (190, 178, 156), (150, 128, 108), (132, 84, 66), (164, 160, 156), (120, 116, 112),
    (205, 196, 178), (96, 88, 82), (176, 140, 104), (70, 66, 64),
)  # fmt: skip
GROUNDS = (
    (128, 126, 124), (150, 146, 140), (168, 160, 148), (110, 108, 108), (178, 168, 150), (140, 122, 108),
    (124, 120, 118),
)  # fmt: skip
PAINTS = (
    (30, 30, 34), (200, 200, 204), (150, 152, 158), (150, 24, 24), (30, 46, 96), (60, 70, 66),
    (222, 222, 220), (190, 170, 60), (90, 120, 160),
)  # fmt: skip
LEAVES = ((62, 84, 40), (84, 104, 52), (44, 62, 36), (104, 112, 60), (120, 96, 50))


@dataclass
class Scene:
    """A picture being painted from back to front.

    Attributes:
        size: of the picture, in pixels.
        horizon: its row; focal: pixels of a metre at a distance of one metre; height: of the camera, in
            metres; vanishing: the column of what is straight ahead.
    """

    size: tuple[int, int]
    horizon: float
    focal: float
    height: float
    vanishing: float
    rng: np.random.Generator
    image: Image.Image = field(init=False)
    draw: ImageDraw.ImageDraw = field(init=False)

    def __post_init__(self) -> None:
        self.image = Image.new("RGB", (self.size[0] * FINE, self.size[1] * FINE))
        self.draw = ImageDraw.Draw(self.image)

    def point(self, right: float, up: float, away: float) -> tuple[float, float]:
        """Return the column and row, in pixels of the drawing, of a place."""
        k = FINE * self.focal / away
        return FINE * self.vanishing + right * k, FINE * self.horizon - (up - self.height) * k

    def polygon(self, places: list[tuple[float, float, float]], colour: np.ndarray) -> None:
        """Paint a flat polygon."""
        self.draw.polygon([self.point(*place) for place in places], fill=shade(colour))

    def upright(
        self, x: tuple[float, float], y: tuple[float, float], away: float, colour: np.ndarray
    ) -> None:
        """Paint an upright rectangle that faces the camera, between two x and two heights."""
        (left, top), (right, bottom) = self.point(x[0], y[1], away), self.point(x[1], y[0], away)
        self.draw.rectangle((left, top, max(right, left), max(bottom, top)), fill=shade(colour))

    def blob(self, x: float, y: float, away: float, radius: float, colour: np.ndarray) -> None:
        """Paint a disc that faces the camera."""
        column, row = self.point(x, y, away)
        r = FINE * self.focal / away * radius
        self.draw.ellipse((column - r, row - r, column + r, row + r), fill=shade(colour))

    def half_width(self, away: float) -> float:
        """Return half the width of the view at a distance, and a little more, in metres."""
        return (0.5 * self.size[0] + abs(self.vanishing - 0.5 * self.size[0]) + 2) * away / self.focal

    def pick(self, palette: tuple[Shade, ...]) -> np.ndarray:
        """Return a random colour near one of a palette."""
        colour = np.array(palette[self.rng.integers(len(palette))], float)
        return colour * self.rng.uniform(0.75, 1.2) + self.rng.normal(0, 2.5, 3)


def shade(colour: np.ndarray) -> Shade:
    """Return a colour as Pillow takes it."""
    red, green, blue = (min(255, max(0, int(value))) for value in colour.tolist())
    return red, green, blue


def paint_sky(scene: Scene) -> None:
    """Paint sky above the horizon, brighter towards it."""
    rng = scene.rng
    top = np.array([(130, 160, 205), (178, 186, 198), (205, 208, 212)][rng.integers(3)], float)
    rows = max(1, int((scene.horizon + 2) * FINE))
    t = np.linspace(0, 1, rows)[:, None, None]
    column = top * (1 - t) + np.array([222, 226, 230]) * t
    cloud = 1 + 0.04 * noise(rng, (rows, scene.image.width), 6)[..., None]
    scene.image.paste(Image.fromarray(np.clip(column * cloud, 0, 255).astype(np.uint8)), (0, 0))


def paint_ground(scene: Scene, colour: np.ndarray, joints: float) -> None:
    """Paint the ground: a texture and, where joints > 0, paving stones of that size in metres.

    It is made in pixels of the picture, since it is seen sharply nowhere.
    """
    rng, (width, height) = scene.rng, scene.size
    first = max(0, int(np.ceil(scene.horizon)) + 1)
    rows = np.arange(first, height, dtype=np.float32)[:, None]
    away = scene.focal * scene.height / (rows - scene.horizon)
    right = (np.arange(width, dtype=np.float32)[None] - scene.vanishing) * away / scene.focal
    turn = float(rng.uniform(-0.5, 0.5))
    u, v = right * cos(turn) + away * sin(turn), away * cos(turn) - right * sin(turn)
    grain = noise(rng, None, 1)
    spots = noise(rng, None, 5)
    last = len(grain) - 1
    light = 1 + 0.035 * grain[(u * 60).astype(int) & last, (v * 60).astype(int) & last]
    light += 0.05 * spots[(u * 50).astype(int) & last, (v * 40).astype(int) & last]
    if joints:
        # Joints thinner than a pixel fade with the distance.
        seen = np.clip(1.2 * joints * scene.focal / away / 20, 0, 1) * float(rng.uniform(0.08, 0.3))
        light -= seen * (((u / joints) % 1 < 0.1) | ((v / joints) % 1 < 0.1))
    light *= 1 + 0.12 * np.clip((away - away[-1]) / 30, 0, 1)
    pixels = np.clip(colour.astype(np.float32) * light[..., None], 0, 255).astype(np.uint8)
    ground = Image.fromarray(pixels).resize((width * FINE, len(pixels) * FINE), Image.Resampling.NEAREST)
    scene.image.paste(ground, (0, first * FINE))


def paint_facade(scene: Scene, away: float) -> None:
    """Paint a house front across the view: windows with frames, below them shops or a plinth."""
    rng, wide = scene.rng, scene.half_width(away)
    wall = scene.pick(WALLS)
    storey, shops = rng.uniform(3.0, 3.8), rng.random() < 0.55
    scene.upright((-wide, wide), (0, rng.uniform(8, 16)), away, wall)
    step, width = rng.uniform(1.9, 3.4), rng.uniform(0.9, 1.4)
    glass = np.array([46, 52, 60]) * rng.uniform(0.6, 2.2)
    frame = wall * rng.choice([0.6, 1.25])
    start = -wide - rng.uniform(0, step)
    for k in range(int(2 * wide / step) + 2):
        x = start + k * step
        for floor in range(1 if shops else 0, 4):
            low = floor * storey + 0.9
            scene.upright((x - 0.12, x + width + 0.12), (low - 0.15, low + 1.85), away, frame)
            scene.upright((x, x + width), (low, low + 1.7), away, glass * rng.uniform(0.7, 1.4))
            scene.upright((x + width / 2 - 0.04, x + width / 2 + 0.04), (low, low + 1.7), away, frame)
    if shops:
        _paint_shops(scene, away, wide, storey)
    else:
        scene.upright((-wide, wide), (0, 0.6), away, wall * 0.75)


def _paint_shops(scene: Scene, away: float, wide: float, storey: float) -> None:
    """Paint shop windows with goods, doors, sign boards and awnings along the ground floor."""
    rng, x = scene.rng, -wide - scene.rng.uniform(0, 3)
    while x < wide:
        length = rng.uniform(2.0, 4.5)
        scene.upright((x, x + length), (0, storey), away, scene.pick(WALLS) * 0.8)
        inside = np.array([40, 38, 38]) * rng.uniform(0.5, 2.0)
        scene.upright((x + 0.2, x + length - 0.2), (rng.choice([0.0, 0.5]), 2.6), away, inside)
        for _ in range(6):
            a, b = x + rng.uniform(0.3, length - 0.6), rng.uniform(0.4, 2.0)
            goods = scene.pick(PAINTS if rng.random() < 0.5 else WALLS) * rng.uniform(0.4, 1.1)
            scene.upright((a, a + rng.uniform(0.1, 0.5)), (b, b + rng.uniform(0.1, 0.6)), away, goods)
        scene.upright((x, x + length), (2.7, 3.2), away, scene.pick(PAINTS))
        if rng.random() < 0.3:
            scene.upright((x, x + length), (2.2, 2.9), away * 0.97, scene.pick(PAINTS))
        x += length + rng.uniform(0.2, 0.8)


def paint_side_wall(scene: Scene, right: float, far: float) -> None:
    """Paint a house front along the street, at `right` metres, up to `far` metres away."""
    rng, wall = scene.rng, scene.pick(WALLS)
    near, top = 0.6 * abs(right) * scene.focal / scene.size[0], rng.uniform(7, 15)
    scene.polygon([(right, 0, near), (right, top, near), (right, top, far), (right, 0, far)], wall)
    scene.polygon([(right, 0, near), (right, 0.7, near), (right, 0.7, far), (right, 0, far)], wall * 0.7)
    glass, step = np.array([44, 48, 54]) * rng.uniform(0.6, 2.0), rng.uniform(2.0, 3.2)
    for away in np.arange(near, min(far, near + 40), step):
        for low in np.arange(0.9, top - 2, 3.3):
            a, b = away, away + 0.55 * step
            outer = [(right, low, a), (right, low + 1.8, a), (right, low + 1.8, b), (right, low, b)]
            scene.polygon(outer, glass * rng.uniform(0.7, 1.3))
