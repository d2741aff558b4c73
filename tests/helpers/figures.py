"""A synthetic experiment: six datasets in two planted groups, six rounds, three seeds."""

from collections.abc import Iterable
from itertools import combinations, product
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.text import Text

from jointnn.io.files import write_json, write_table
from jointnn.io.tensors import write_tensors
from jointnn.jobs.specs import FiguresJob
from jointnn.reporting.figures import figure

GROUPS = {
    "usual": ["mnist_a", "mnist_b", "optical"],
    "permuted": ["mnist_c_permuted", "mnist_d_permuted", "optical_permuted"],
}
# Not in the order of the groups, so that a mistake in the order shows.
DATASETS = [name for pair in zip(*GROUPS.values(), strict=True) for name in pair]
PLANTED = [0, 1, 0, 1, 0, 1]
LAYERS = ["conv1", "conv2", "conv3", "hidden", "head"]
ACROSS = [1.6, 2.2, 2.8, 3.4, 4.0]
BLOCKS = ["conv1-conv2", "conv2-conv3", "conv3-hidden", "hidden-head"]
FINAL = {
    "isolated": 0.715, "l2reg": 0.764, "l2reg_25": 0.735, "l2reg_50": 0.75, "shareall": 0.43,
    "finetune": 0.767, "fedamp": 0.755, "joint_paper": 0.725, "joint": 0.785, "oracle": 0.788,
}  # fmt: skip
METHODS = list(FINAL)
SEEDS = [0, 1, 2]
ROUNDS, CLASSES, LAST = 6, 10, 1000
ENDS = [300, *(300 + (LAST - 300) * k // ROUNDS for k in range(1, ROUNDS + 1))]


def planted_weights(seed: int, number: int) -> list:
    """Round `number` (1..6): inside rises to 0.85, across falls, less so in lower blocks."""
    generator = np.random.default_rng([seed, number])
    weights = np.ones((len(BLOCKS), 6, 6))
    for block in range(len(BLOCKS)):
        across = 0.75 - (0.05 + 0.02 * block) * number * (block + 1) / 2
        for i in range(6):
            for j in range(i):
                mean = 0.6 + 0.04 * number if PLANTED[i] == PLANTED[j] else across
                noisy = mean + generator.normal(0, 0.04)
                weights[block, i, j] = weights[block, j, i] = np.clip(noisy, 0.03, 0.97)
    return weights.tolist()


def write_curves(folder: Path, seed: int, final: float, steps: range) -> None:
    generator = np.random.default_rng([seed, int(1000 * final), steps.start])
    rows = []
    for step in steps:
        for dataset in DATASETS:
            accuracy = 0.1 + (final - 0.1) * (1 - np.exp(-step / 150)) + 0.01 * seed
            accuracy += generator.normal(0, 0.004)
            rows.append((step, "test", dataset, "accuracy", accuracy))
            rows.append((step, "test", dataset, "error", error_of(accuracy)))
            rows.append((step, "test", dataset, "convergence", 0.1 + error_of(accuracy)))
    columns = ["step", "split", "dataset", "metric", "value"]
    write_table(folder / "test_history.csv", pd.DataFrame(rows, columns=columns))
    rows = [(step, "train", "all", "squared_distance", 5.0 + step / 100) for step in steps]
    if "round" in folder.name:
        rows += [
            (step, "train", "all", "consistency_loss", 2.0 - step / 700 + 0.1 * seed) for step in steps
        ]
    write_table(folder / "history.csv", pd.DataFrame(rows, columns=columns))


def error_of(accuracy: float) -> float:
    """An error that falls as accuracy rises, of the size of a squared error."""
    return 0.07 * (1 - accuracy)


def write_run(seed: int) -> None:
    folder = Path("runs", "toy", f"s{seed}")
    for method, final in FINAL.items():
        if method != "joint":
            write_curves(folder / method, seed, final, range(0, LAST + 1, 50))
    write_curves(folder / "joint" / "l2", seed, FINAL["joint"], range(0, 301, 50))
    for number in range(1, ROUNDS + 1):
        part = folder / "joint" / f"round_{number}"
        steps = range(ENDS[number - 1], ENDS[number] + 1, 29)
        write_curves(part, seed, FINAL["joint"], steps)
        record = {"round": number, "blocks": BLOCKS, "datasets": DATASETS}
        write_json(part / "weights.json", {**record, "weights": planted_weights(seed, number)})


def write_halves(seed: int, datasets: list[str] = DATASETS, folder: str = "") -> None:
    """Ratios of about 1 between every other dataset; between the others they rise from 1.6 to 4."""
    generator = np.random.default_rng(seed)
    ratios = np.ones((len(LAYERS), len(datasets), len(datasets)))
    for (i, j), (layer, across) in product(combinations(range(len(datasets)), 2), enumerate(ACROSS)):
        mean = 1.0 if (i + j) % 2 == 0 else across
        ratios[layer, i, j] = ratios[layer, j, i] = mean + generator.normal(0, 0.02)
    content = {"layers": LAYERS, "datasets": datasets, "ratios": ratios.tolist(), "diverged": ""}
    write_json(Path(folder or f"runs/toy/s{seed}/joint/halves", "ratios.json"), content)


def write_results(seed: int) -> None:
    generator = np.random.default_rng(seed)
    draw = generator.normal(0, 0.01)
    metrics = []
    for method, final in FINAL.items():
        for dataset in DATASETS:
            for split in ("validation", "test"):
                value = final + draw + generator.normal(0, 0.003)
                metrics.append(("toy", method, seed, dataset, "accuracy", split, value))
                metrics.append(("toy", method, seed, dataset, "error", split, error_of(value)))
    columns = ["experiment", "method", "seed", "dataset", "metric", "split", "value"]
    folder = Path("results", "toy", f"s{seed}")
    write_table(folder / "metrics.csv", pd.DataFrame(metrics, columns=columns))
    evidence = {}
    for method, final in FINAL.items():
        for index, dataset in enumerate(DATASETS):
            found = predictions(generator, final) | completions(index, final) | generated(index, final)
            found |= branched(index, final)
            evidence |= {f"{method}/{dataset}/{key}": values for key, values in found.items()}
    write_tensors(folder / "evidence.safetensors", evidence, {"kind": "evidence"})


def predictions(generator: np.random.Generator, final: float) -> dict[str, np.ndarray]:
    """Return the evidence of a task with classes: ten images of every label."""
    label = np.repeat(np.arange(CLASSES), 10)
    chance = confused(final)
    predicted = np.array([generator.choice(CLASSES, p=chance[one]) for one in label])
    return {"label": label, "predicted": predicted}


def completions(index: int, final: float) -> dict[str, np.ndarray]:
    """Return the evidence of completion: three images, completed with an even tone.

    The last dataset is in colour.
    """
    truth = waves(index, range(1, 4))
    holed = truth.copy()
    holed[..., 4:10, 2:8] = 128
    completed = truth.copy()
    completed[..., 4:10, 2:8] = round(255 * final)
    return {"truth": truth, "holed": holed, "completed": completed}


def generated(index: int, final: float) -> dict[str, np.ndarray]:
    """Return the evidence of generation: real images, and made ones and lines between them.

    Made images are each of an even tone.
    """
    real = waves(index, range(1, 5))
    tones = np.arange(16, dtype=np.uint8)[:, None, None, None] + round(100 * final)
    made = np.broadcast_to(tones, (16, *real.shape[1:])).copy()
    return {"real": real, "made": made, "between": made[:8], "glimpses": made[:10:5, None]}


def branched(index: int, final: float, images: int = 3, points: int = 8) -> dict[str, np.ndarray]:
    """Return the evidence of an auto-encoder of two branches: even tones of the whole and each branch.

    Private codes tell the dataset, shared ones the class, of which there are four.
    """
    truth = waves(index, range(1, 1 + images))
    tones = {"reconstructed": 100, "alone.private": 50, "alone.shared": 150}
    made = {key: np.full_like(truth, tone + round(50 * final)) for key, tone in tones.items()}
    label = np.arange(points) % 4
    noise = np.random.default_rng(index).normal(size=(2, points, 8))
    private = 6 * np.eye(8)[[index % 8] * points] + noise[0]
    codes = {"code.private": private, "code.shared": 6 * np.eye(8)[label] + noise[1]}
    codes = {key: values.astype(np.float32) for key, values in codes.items()}
    return {"truth": truth, **made, **codes, "code_label": label}


def confused(accuracy: float) -> np.ndarray:
    """Probabilities of predictions per label: the label's own, the rest half on one other class."""
    same = np.eye(CLASSES)
    other = np.roll(same, 3, axis=1)
    rest = 1 - accuracy
    return accuracy * same + rest / 2 * other + rest / 2 * (1 - same - other) / (CLASSES - 2)


def waves(index: int, labels: Iterable[int]) -> np.ndarray:
    """Images of 16 pixels, uint8 (N, C, H, W), whose pattern is that of their dataset and label."""
    y, x = np.mgrid[:16, :16]
    images = [127 + 120 * np.sin((x + index * y) * (1 + label) / 8) for label in labels]
    return np.array(images, np.uint8)[:, None].repeat(3 if index == 5 else 1, axis=1)


def write_images() -> None:
    generator = np.random.default_rng(0)
    for index, dataset in enumerate(DATASETS):
        labels = generator.integers(0, CLASSES, 60)
        path = Path("data", "prepared", f"{dataset}-16.safetensors")
        write_tensors(path, {"images": waves(index, labels), "labels": labels}, {})


def settings(**changes) -> dict:
    return {
        "stage": "figures", "experiment": "toy", "methods": METHODS, "datasets": DATASETS,
        "seeds": SEEDS, "rounds": {"joint": ROUNDS}, "groups": GROUPS, "groups_round": 4,
        "measures": ["accuracy", "error"],
        "figures": sorted(figure.load()), "labels": None, "size": 16, **changes,
    }  # fmt: skip


def job(**changes) -> FiguresJob:
    """The job that draws figures."""
    given = settings(**changes)
    return FiguresJob(**{name: value for name, value in given.items() if name in FiguresJob.model_fields})


def build() -> None:
    """Write the whole experiment below the working directory."""
    for seed in SEEDS:
        write_run(seed)
        write_halves(seed)
        write_results(seed)
    write_images()


def texts(drawing) -> list[str]:
    return [text.get_text() for text in drawing.findobj(Text) if text.get_text()]
