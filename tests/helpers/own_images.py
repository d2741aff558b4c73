"""Images of one's own in class folders, of several sizes and kinds, and finished runs on them."""

import importlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image

from helpers.params import write_files
from jointnn.io.yaml import from_yaml
from jointnn.jobs.graph import Jobs
from jointnn.parameters.load import read_params

CLASSES = ("oak", "oak-red")
"""In a listing of folders the second comes after the first, in one of paths before it."""
TURNED = {0x0112: 6}
"""EXIF: the picture was taken with the camera held upright."""
PARAMS = from_yaml("""
default: [mine]
presets: {default: {}}
datasets:
  leaves: {source: class_folders, path: my_data/leaves}
  petals: {source: class_folders, path: my_data/petals, fit: squash}
  old: {source: list_file, path: my_data/ages, numbers: [age, height]}
  young: {source: list_file, path: my_data/ages, numbers: [age, height]}
experiments:
  mine:
    task: classification
    architecture: small_conv
    architecture_options: {width: 4}
    datasets: [leaves, petals]
    image_size: 8
    channels: 3
    validation_images: 4
    seeds: [0]
    methods: [isolated, joint]
    settings: {steps: 12, batch_size: 4, record_every: 6, rounds: 1, learning_rate: 0.05}
  grey:
    extends: mine
    datasets: [leaves, petals]
    image_size: 9
    channels: 1
    methods: [isolated]
  frozen:
    extends: mine
    datasets: [leaves, petals]
    image_size: 32
    trunk: efficientnet_lite0
    architecture: efficientnet_lite0_end
    architecture_options: {width: null}
    methods: [isolated]
    settings: {steps: 2, learning_rate: 0.01}
  own:
    extends: mine
    datasets: [leaves, petals]
    trunk: leaf_parts.networks:edges
    architecture: leaf_parts.networks:tiny
    architecture_options: {width: null, hidden: 6}
    methods: [isolated]
  ages:
    extends: mine
    task: regression
    task_options: {mean: 40, scale: 20, unit: years}
    measures: [absolute_error]
    datasets: [old, young]
    methods: [isolated]
  told:
    extends: mine
    datasets: [leaves, petals]
    task: leaf_parts.networks:brightness
    measures: [loss]
    methods: [isolated]
  holes:
    extends: mine
    datasets: [leaves, petals]
    task: completion
    measures: [error]
    image_size: 16
    architecture: autoencoder
    methods: [isolated]
  given_back:
    extends: mine
    datasets: [leaves, petals]
    task: reconstruction
    measures: [error]
    image_size: 16
    architecture: branched
    architecture_options:
      {width: null, branches: {code: [conv 2, pool, dense 5], image: {of: [code], layers: [image]}}}
    methods: [isolated]
  told_and_given_back:
    extends: mine
    datasets: [leaves, petals]
    task: transfer
    image_size: 16
    architecture: branched
    architecture_options:
      width: null
      branches:
        code: [conv 2, pool, dense 5]
        image: {of: [code], layers: [image]}
        classes: {of: [code], layers: [scores]}
    methods: [isolated]
  made:
    extends: mine
    datasets: [leaves, petals]
    task: generation
    task_options: {features: efficientnet_lite0, generated: 4}
    measures: [loss]
    image_size: 16
    architecture: began
    architecture_options: {width: 2, latent: 3}
    methods: [isolated]
""")
OWN_CODE = {
    "leaf_parts/__init__.py": "",
    "leaf_parts/parts.py": "from torch import nn\n\n\ndef flat():\n    return nn.Flatten()\n",
    "leaf_parts/networks.py": """\
from torch import nn

from leaf_parts.parts import flat
from jointnn.tasks.base import OneLoss


def edges(channels, size):
    return nn.AvgPool2d(2)


def tiny(classes, channels, size, hidden):
    first = nn.Sequential(flat(), nn.Linear(channels * (size // 2) ** 2, hidden), nn.ReLU())
    return nn.Sequential(first, nn.Linear(hidden, classes))


class brightness(OneLoss):
    def loss(self, network, batch):
        told = network(batch.images)[:, 0]
        return (told - batch.images.mean(dim=(1, 2, 3))).square().mean()
""",
}
"""A package of one's own."""


def picture(numbers: np.random.Generator, light: int) -> Image.Image:
    """A picture of some size, lighter above than below, so that a turned one is another."""
    pixels = numbers.integers(0, 100, (*numbers.integers(6, 40, 2), 3)) + light
    pixels[: len(pixels) // 2] //= 3
    return Image.fromarray(pixels.astype(np.uint8))


def save(image: Image.Image, path: Path, kind: int) -> None:
    """Save a picture in one of four kinds: grey, turned, half transparent, plain."""
    path.parent.mkdir(parents=True, exist_ok=True)
    exif = Image.Exif()
    if kind == 1:
        exif.update(TURNED)
    if kind == 2:
        image.putalpha(100)
    image = image.convert("L") if kind == 0 else image
    image.save(path.with_suffix(".png" if kind == 2 else ".jpg"), exif=exif)


def write_project(root: Path) -> None:
    """Write parameters, the images and the code of one's own."""
    numbers = np.random.default_rng(0)
    write_files(root, PARAMS)
    for name, code in OWN_CODE.items():
        (root / name).parent.mkdir(exist_ok=True)
        (root / name).write_text(code)
    for dataset in ("leaves", "petals"):
        for split, count in (("train", 8), ("test", 11)):
            for k, name in enumerate(CLASSES):
                for i in range(count):
                    path = root / "my_data" / dataset / split / name / f"{i}"
                    save(picture(numbers, 120 * k), path, i % 4)
    for split in ("train", "test"):
        names = sorted(path.name for path in (root / "my_data/leaves" / split / "oak").iterdir())
        lines = [f"{split}/{name} {20 + 5 * i} {i / 10}" for i, name in enumerate(names)]
        (root / "my_data/ages" / split).mkdir(parents=True)
        for name in names:
            source = root / "my_data/leaves" / split / "oak" / name
            (root / "my_data/ages" / split / name).write_bytes(source.read_bytes())
        (root / f"my_data/ages/{split}.txt").write_text("\n".join(lines))


def run(experiment: str) -> None:
    """Every job of an experiment's seed 0 up to its measures, in the present folder."""
    jobs = Jobs(read_params())
    for job in jobs.in_order(jobs.evaluate(experiment, 0)):
        importlib.import_module(f"jointnn.stages.{job.stage}").run(job)


@contextmanager
def inside(folder: Path) -> Iterator[None]:
    """Within it, the present folder is another one."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
