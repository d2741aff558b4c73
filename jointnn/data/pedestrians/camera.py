"""One picture: a scene, people in it with their shadows, and what a camera makes of them."""

import io
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from jointnn.data.pedestrians.belongings import draw_belongings
from jointnn.data.pedestrians.body import draw_arm, draw_leg, draw_trunk
from jointnn.data.pedestrians.figure import Figure, View
from jointnn.data.pedestrians.gait import SIDES
from jointnn.data.pedestrians.heads import draw_head
from jointnn.data.pedestrians.noise import noise
from jointnn.data.pedestrians.people import Person, random_person
from jointnn.data.pedestrians.solids import Canvas
from jointnn.data.pedestrians.street import FINE, Scene
from jointnn.data.pedestrians.things import paint_place

WIDTH, HEIGHT = 64, 128
"""Pixels of a picture, those of the pedestrians of INRIA."""
TALL, GROUND = 92.5, 109.5
"""Pixels from the soles to the top of the head, and the row of the soles: those of INRIA, on average."""
SUPER = 2
"""Pixels of the drawing of a figure per pixel of the picture, in each direction."""
METRES = 1.72
SEED = 20200519


@dataclass(frozen=True)
class Light:
    """Towards the sun, in camera coordinates; and the colours of sun and sky, 1 is white of full light."""

    towards: np.ndarray
    sun: np.ndarray
    sky: np.ndarray


def picture(index: int) -> np.ndarray:
    """Return the picture of a number, uint8 of shape (HEIGHT, WIDTH, 3): always the same one."""
    rng = np.random.default_rng([SEED, index])
    light = random_light(rng)
    scale = TALL * rng.normal(1, 0.035)
    feet = (WIDTH / 2 + rng.normal(0, 1.2), GROUND + rng.normal(0, 1.4))
    scene, walker = random_scene(rng, feet[1], scale / METRES)
    paint_place(scene, walker)
    pixels = np.asarray(scene.image.reduce(FINE), np.float32)
    pixels = pixels * (light.sky + light.sun * rng.uniform(0.3, 0.8)).astype(np.float32)
    pixels *= 1 + rng.uniform(0.01, 0.03) * noise(rng, (HEIGHT, WIDTH), 2)[..., None]
    tilt = max(0.02, (scene.height - 0.5) / walker)
    for column, away in others(rng, walker):
        spot = scene.point(0, 0, away)[1] / FINE
        far = View(0, tilt, METRES * scene.focal / away, (column, spot))
        pixels = with_person(pixels, random_person(rng), far, light, rng)
    pixels = blurred(pixels, rng.uniform(0.1, 1.1))
    pixels = with_person(pixels, random_person(rng), View(0, tilt, scale, feet), light, rng)
    return photographed(pixels, rng)


def random_light(rng: np.random.Generator) -> Light:
    """Return a random light: sun from one side, or the even light of a grey day."""
    sunny = rng.random() < 0.5
    side, height = rng.uniform(-np.pi, np.pi), rng.uniform(0.5, 1.2)
    if not sunny:
        height = 1.25
    towards = np.array([np.cos(height) * np.sin(side), np.sin(height), np.cos(height) * np.cos(side)])
    strength = rng.uniform(0.6, 0.95) if sunny else rng.uniform(0.1, 0.3)
    sky = np.array([0.98, 0.99, 1.03]) * (0.45 if sunny else 0.8) * rng.uniform(0.9, 1.1)
    return Light(towards, strength * np.array([1.06, 1.0, 0.9]), sky)


def random_scene(rng: np.random.Generator, ground: float, metre: float) -> tuple[Scene, float]:
    """Return an empty scene, a metre `metre` pixels where the walker is, the soles on the row `ground`.

    Returns:
        The scene, and the walker's distance in metres.
    """
    walker, height = rng.uniform(6, 22), float(np.clip(rng.normal(1.5, 0.3), 1.0, 2.6))
    vanishing = WIDTH / 2 + rng.normal(0, 40)
    return Scene((WIDTH, HEIGHT), ground - height * metre, metre * walker, height, vanishing, rng), walker


def others(rng: np.random.Generator, walker: float) -> list[tuple[float, float]]:
    """Return the column and distance of each other person, behind the walker, the farthest first."""
    found = [
        (float(rng.uniform(-4, WIDTH + 4)), walker + float(rng.gamma(2, 5)) + 1.5)
        for _ in range(rng.poisson(1.1))
    ]
    if rng.random() < 0.28:  # somebody who walks along
        side = rng.choice([-1.0, 1.0]) * rng.uniform(19, 36)
        found.append((WIDTH / 2 + float(side), walker + float(rng.uniform(0.1, 1.5))))
    return sorted(found, key=lambda spot: -spot[1])


def with_person(
    pixels: np.ndarray, person: Person, view: View, light: Light, rng: np.random.Generator
) -> np.ndarray:
    """Return `pixels`, float (HEIGHT, WIDTH, 3), with a person and the person's shadow on the ground."""
    column, row = view.feet
    reach, above, below = 0.42 * view.scale + 2, 1.22 * view.scale + 2, 0.12 * view.scale + 3
    left, right = max(0, int(column - reach)), min(WIDTH, int(column + reach) + 1)
    top, bottom = max(0, int(row - above)), min(HEIGHT, int(row + below) + 1)
    if left >= right or top >= bottom:
        return pixels
    canvas = Canvas(((right - left) * SUPER, (bottom - top) * SUPER), light.towards)
    near = ((column - left) * SUPER, (row - top) * SUPER)
    draw_person(canvas, person, View(person.yaw, view.tilt, view.scale * SUPER, near))
    colour, cover = developed(canvas, light, rng)
    whole = np.zeros((HEIGHT, WIDTH), np.float32)
    whole[top:bottom, left:right] = cover
    pixels = pixels * (1 - shadow(whole, view, light))[..., None]
    at = pixels[top:bottom, left:right]
    pixels[top:bottom, left:right] = at * (1 - cover[..., None]) + colour
    return pixels


def draw_person(canvas: Canvas, person: Person, view: View) -> None:
    """Draw a whole person."""
    figure = Figure(person, view, canvas)
    for side in SIDES:
        draw_leg(figure, side)
        draw_arm(figure, side)
    draw_trunk(figure)
    draw_head(figure)
    draw_belongings(figure)


def developed(canvas: Canvas, light: Light, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return a drawing at the picture's size: light (H, W, 3), 0 to 255, and cover (H, W), 0 to 1."""
    width, height = canvas.size
    folds = 255 * (1 + 0.06 * noise(rng, (height, width), 4)[..., None])
    pixels = np.zeros((height, width, 3), np.uint8)
    drawn = canvas.depth > -np.inf
    rows, columns = (np.flatnonzero(drawn.any(axis)) for axis in (1, 0))
    if len(rows):
        at = slice(rows[0], rows[-1] + 1), slice(columns[0], columns[-1] + 1)
        lit = canvas.lit[at][..., None] * (0.9 * light.sun).astype(np.float32)
        lit += canvas.open[at][..., None] * (1.15 * light.sky).astype(np.float32)
        lit *= canvas.colour[at]
        lit *= folds[at]
        np.minimum(lit, 255, out=lit)
        pixels[at] = lit
    # Nothing is black, so the mean of some drawn pixels and some others is already multiplied by the cover.
    colour, cover = (Image.fromarray(part).reduce(SUPER) for part in (pixels, 255 * drawn.astype(np.uint8)))
    return np.asarray(colour, np.float32), np.asarray(cover, np.float32) / 255


def shadow(cover: np.ndarray, view: View, light: Light) -> np.ndarray:
    """Return the share of light that a person takes from the ground, (HEIGHT, WIDTH), 0 to 1.

    The cast shadow is the silhouette, laid flat away from the sun; near the feet there is less sky.
    """
    (column, row), k = view.feet, view.scale
    flat = -light.towards[2] / light.towards[1] * np.sin(view.tilt)
    flat = np.copysign(max(abs(flat), 0.07), flat)
    slant = -light.towards[0] / light.towards[1] / flat
    back = (1, -slant, slant * row, 0, -1 / flat, row + row / flat)
    mask = Image.fromarray((cover * 255).astype(np.uint8))
    cast = mask.transform(mask.size, Image.Transform.AFFINE, back, Image.Resampling.BILINEAR)
    cast = cast.filter(ImageFilter.GaussianBlur(0.011 * k))
    strength = 0.8 * light.sun[1] / (light.sun[1] + light.sky[1])
    across = (np.arange(WIDTH)[None] - column) / (0.13 * k)
    down = (np.arange(HEIGHT)[:, None] - row) / (0.035 * k)
    contact = 0.3 * np.exp(-(across**2) - down**2)
    taken: np.ndarray = 1 - (1 - strength * np.asarray(cast, np.float32) / 255) * (1 - contact)
    return taken


def blurred(pixels: np.ndarray, radius: float) -> np.ndarray:
    """Return pixels, 0 to 255, out of focus, as float."""
    image = Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))
    return np.asarray(image.filter(ImageFilter.GaussianBlur(radius)), np.float32)


def photographed(pixels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return the photo that a camera takes: exposure, contrast, cast, blur, noise, JPEG.

    The mean luminance is drawn near to those of INRIA's pedestrians: median 96, nine tenths in 56 to 149.
    """
    luma = np.array([0.299, 0.587, 0.114], np.float32)
    pixels = pixels * np.exp(rng.normal(0, 0.025, 3)).astype(np.float32)
    grey = (pixels @ luma)[..., None]
    pixels = grey + (pixels - grey) * rng.uniform(0.6, 1.25)
    aim = np.clip(96 * np.exp(rng.normal(0, 0.28)), 45, 170)
    mean = float(grey.mean())
    pixels = aim + (pixels - mean) * (aim / mean) ** 0.7 * rng.uniform(0.85, 1.2)
    # Between out of focus and sharpened, as cameras do.
    pixels += rng.uniform(-0.5, 0.9) * (pixels - blurred(pixels, 0.7))
    pixels += rng.normal(0, rng.uniform(0.5, 2.5), pixels.shape[:2])[..., None]
    pixels += rng.normal(0, 1, pixels.shape)
    file = io.BytesIO()
    image = Image.fromarray(np.clip(pixels, 0, 255).round().astype(np.uint8))
    image.save(file, "JPEG", quality=int(rng.integers(75, 96)))
    return np.asarray(Image.open(file))
