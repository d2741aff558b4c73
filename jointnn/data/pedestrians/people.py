"""Who walks there: build, clothes, hair, what is carried and how, drawn from a random generator."""

from dataclasses import dataclass

import numpy as np

from jointnn.data.pedestrians.gait import Arm, Pose

Colour = np.ndarray

SKINS = ((0.93, 0.74, 0.63), (0.88, 0.67, 0.55), (0.80, 0.58, 0.46), (0.62, 0.43, 0.32), (0.42, 0.29, 0.22))
HAIRS = (
    (0.10, 0.08, 0.07), (0.17, 0.12, 0.09), (0.28, 0.19, 0.12), (0.40, 0.27, 0.16), (0.66, 0.52, 0.33),
    (0.58, 0.57, 0.56), (0.80, 0.79, 0.77), (0.36, 0.15, 0.09),
)  # fmt: skip
DARK = (
    (0.10, 0.10, 0.11), (0.14, 0.14, 0.16), (0.13, 0.15, 0.24), (0.22, 0.17, 0.14), (0.20, 0.22, 0.17),
    (0.27, 0.27, 0.29),
)  # fmt: skip
MUTED = (
    (0.45, 0.45, 0.47), (0.55, 0.47, 0.37), (0.68, 0.61, 0.50), (0.36, 0.39, 0.30), (0.42, 0.28, 0.20),
    (0.35, 0.42, 0.52), (0.60, 0.62, 0.66), (0.40, 0.33, 0.38),
)  # fmt: skip
WARM = (
    (0.42, 0.14, 0.13), (0.50, 0.24, 0.14), (0.62, 0.16, 0.15), (0.35, 0.22, 0.16), (0.58, 0.40, 0.26),
    (0.38, 0.16, 0.22),
)  # fmt: skip
BRIGHT = (
    (0.75, 0.13, 0.13), (0.85, 0.40, 0.14), (0.88, 0.76, 0.25), (0.18, 0.48, 0.30), (0.20, 0.38, 0.70),
    (0.50, 0.70, 0.85), (0.80, 0.45, 0.55), (0.45, 0.20, 0.45), (0.15, 0.50, 0.55),
)  # fmt: skip
LIGHT = ((0.90, 0.90, 0.90), (0.86, 0.83, 0.75), (0.80, 0.85, 0.90), (0.92, 0.88, 0.84))
JEANS = ((0.20, 0.26, 0.40), (0.30, 0.38, 0.52), (0.45, 0.54, 0.66), (0.16, 0.19, 0.28))
SHOES = ((0.10, 0.09, 0.09), (0.25, 0.17, 0.12), (0.80, 0.80, 0.80), (0.40, 0.38, 0.36), (0.16, 0.16, 0.20))

SWINGING = Arm()
HELD = {
    "pocket": Arm(forward=-14, away=15, bent=42, inwards=18, swings=0.15),
    "front": Arm(forward=4, away=9, bent=82, inwards=38, swings=0.15),
    "strap": Arm(forward=18, away=16, bent=128, inwards=30, swings=0.1),
    "ear": Arm(forward=28, away=30, bent=148, inwards=22, swings=0.05),
    "carrying": Arm(forward=0, away=8, bent=6, inwards=0, swings=0.35),
    "umbrella": Arm(forward=8, away=10, bent=120, inwards=4, swings=0.05),
}


@dataclass(frozen=True)
class Person:
    """One walker.

    Attributes:
        yaw: where they walk to, in radians; 0 is towards the viewer, a quarter turn to the right.
        build: breadth of the body, 1 on average; head: size of the head, larger for children.
        style: of the hair: short, long, bun or bald. hat: its colour, or None.
        top: shirt, pullover, jacket, coat or dress; its end below the pelvis is `hem`, in body heights.
        bottom: trousers, wide, shorts, skirt or none (below a coat or dress).
        inner: colour below an open jacket; pattern: plain, stripes, band or panels.
        bag: none, backpack, shoulder, hand or umbrella.
    """

    pose: Pose
    yaw: float
    build: float
    head: float
    skin: Colour
    hair: Colour
    style: str
    hat: Colour | None
    top: str
    hem: float
    sleeve: float
    cloth: Colour
    inner: Colour
    opened: bool
    pattern: str
    bottom: str
    legs: Colour
    shoes: Colour
    bag: str
    bag_colour: Colour


def _one(rng: np.random.Generator, names: str, weights: tuple[float, ...]) -> str:
    """Return one of some words, drawn with weights. (Generator.choice takes ten times as long.)"""
    words, left = names.split(), rng.random() * sum(weights)
    for word, weight in zip(words, weights, strict=True):
        left -= weight
        if left < 0:
            return word
    return words[-1]


def _colour(rng: np.random.Generator, *palettes: tuple[tuple[float, ...], ...]) -> Colour:
    """Return a colour near one of a palette. Each palette is equally likely."""
    palette = palettes[rng.integers(len(palettes))]
    colour = np.array(palette[rng.integers(len(palette))])
    return np.minimum(np.maximum(colour * rng.uniform(0.8, 1.2) + rng.normal(0, 0.02, 3), 0.03), 0.95)


def random_yaw(rng: np.random.Generator) -> float:
    """Return a random yaw in radians: most people in photos of streets come or go, some cross."""
    quarters = int(_one(rng, "0 2 1 3", (36, 28, 18, 18)))
    return quarters * np.pi / 2 + float(rng.normal(0, 0.35))


def _arms(rng: np.random.Generator, bag: str) -> tuple[Arm, Arm]:
    """Return both arms. The bag decides one of them."""
    held = {"hand": "carrying", "umbrella": "umbrella"}.get(bag)
    if held is None and rng.random() < 0.4:
        held = _one(rng, "pocket front strap ear", (4, 3, 1 + 3 * (bag != "none"), 1))
    first = HELD[held] if held else SWINGING
    other = HELD["pocket"] if held in (None, "pocket") and rng.random() < 0.2 else SWINGING
    return (first, other) if rng.random() < 0.5 else (other, first)


def _upper(rng: np.random.Generator) -> dict[str, object]:
    """Return the clothes of the upper body."""
    top = _one(rng, "shirt pullover jacket coat dress", (22, 20, 36, 16, 6))
    hem = {"shirt": 0.035, "pullover": 0.05, "jacket": 0.06, "coat": 0.2, "dress": 0.22}[top]
    bare = top in ("shirt", "dress")
    palettes = (LIGHT, BRIGHT, MUTED, DARK) if bare else (DARK, DARK, DARK, MUTED, WARM, BRIGHT, LIGHT)
    return {
        "top": top,
        "hem": hem + float(rng.uniform(-0.02, 0.06 if top in ("coat", "jacket") else 0.02)),
        "sleeve": float(rng.choice([0.0, 0.55, 0.6, 2.0])) if bare else 2.0,
        "cloth": _colour(rng, *palettes),
        "inner": _colour(rng, LIGHT, LIGHT, MUTED, DARK, DARK, BRIGHT),
        "opened": bool(top in ("jacket", "coat") and rng.random() < 0.5),
        "pattern": _one(rng, "plain stripes band panels", (70, 9 if bare else 3, 10, 11)),
    }


def random_person(rng: np.random.Generator) -> Person:
    """Return a random person at a random moment of the stride."""
    upper = _upper(rng)
    bottoms = (62, 16, 14 * (upper["top"] == "shirt"), 10) if upper["top"] != "dress" else (0, 0, 0, 1)
    bottom = _one(rng, "trousers wide shorts skirt", bottoms)
    bag = _one(rng, "none backpack shoulder hand umbrella", (56, 13, 14, 13, 4))
    long = 0.65 if bottom == "skirt" else 0.25
    style = "long" if rng.random() < long else _one(rng, "short bald bun", (80, 10, 10))
    pose = Pose(
        phase=float(rng.random()),
        stride=float(rng.uniform(0.5, 1.0)) if rng.random() < 0.88 else float(rng.uniform(0.1, 0.4)),
        lean=float(rng.normal(3, 2)),
        arms=_arms(rng, bag),
    )
    return Person(
        pose=pose,
        yaw=random_yaw(rng),
        build=float(np.clip(rng.normal(1.14, 0.1), 0.9, 1.4)),
        head=float(rng.uniform(1.18, 1.4)) if rng.random() < 0.06 else float(rng.uniform(0.97, 1.1)),
        skin=_colour(rng, SKINS[:3], SKINS[:3], SKINS),
        hair=_colour(rng, HAIRS),
        style=style,
        hat=_colour(rng, DARK, MUTED, BRIGHT, LIGHT) if rng.random() < 0.16 else None,
        bottom=bottom,
        legs=_colour(rng, DARK, DARK, DARK, JEANS, MUTED, *((LIGHT, BRIGHT) if bottom == "skirt" else ())),
        shoes=_colour(rng, SHOES),
        bag=bag,
        bag_colour=_colour(rng, DARK, DARK, MUTED, BRIGHT),
        **upper,  # type: ignore[arg-type]
    )
