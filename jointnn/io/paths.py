"""Where files lie. Names read as sentences: runs/digits/s0/joint/round_3/weights.json."""

from pathlib import Path

from jointnn.registry import short

SETTINGS = "work/settings"
RESUME = "work/resume"
SWEEPS = "results/sweeps"
INVENTORIES = "data/inventories"


def raw(dataset: str) -> str:
    """Return the folder of a dataset's Parquet files and manifest."""
    return f"data/raw/{dataset}"


def inventory(experiment: str) -> str:
    """Return the file of the data that an experiment learns from: counts and digests by dataset."""
    return f"{INVENTORIES}/{experiment}.json"


def prepared(dataset: str, size: int, test: bool = False, trunk: str | None = None) -> str:
    """Return the file of a dataset's images of one size, or of their activations in a trunk.

    The test split is a file of its own.
    """
    split = "-test" if test else ""
    return f"data/prepared/{dataset}-{size}{f'-{trunk}' if trunk else ''}{split}.safetensors"


def seed_folder(experiment: str, seed: int | str) -> str:
    """Return the folder of all that one seed trains."""
    return f"runs/{experiment}/s{seed}"


def start(experiment: str, seed: int | str, own: str = "") -> str:
    """Return the folder of the common start, or of the start of `own`, a method with another network."""
    return f"{seed_folder(experiment, seed)}/{_start(own)}"


def is_start(folder: str) -> bool:
    """Return whether a folder below that of a seed is a start."""
    return folder.split("_", maxsplit=1)[0] == _start("")


def _start(own: str) -> str:
    return f"start_{own}" if own else "start"


def search_folder(experiment: str, seed: int) -> str:
    """Return the folder of one tuning seed: the search writes nothing among the runs."""
    return f"search/{experiment}/s{seed}"


def search_start(experiment: str, seed: int, own: str = "") -> str:
    """Return the folder of a tuning seed's start, or of that of `own`, a method with another network."""
    return f"{search_folder(experiment, seed)}/{_start(own)}"


def chosen(experiment: str) -> str:
    """Return the file with the choice of an experiment's search, which parameters are read from."""
    return f"params/chosen/{experiment}.yaml"


def attempt(experiment: str, seed: int, method: str, point: int | str) -> str:
    """Return the file of the result of one point of the search."""
    return f"{search_folder(experiment, seed)}/{method}/point_{point}.json"


def method(experiment: str, seed: int, name: str) -> str:
    """Return the folder of all that a method trains."""
    return f"{seed_folder(experiment, seed)}/{name}"


def round_(experiment: str, seed: int, name: str, number: int) -> str:
    """Return the folder of an IRLS round of a method whose rounds are jobs; round 0 is its L2 start."""
    return f"{method(experiment, seed, name)}/{f'round_{number}' if number else 'l2'}"


def halves(experiment: str, seed: int, name: str) -> str:
    """Return the folder of networks of half datasets, which tell how far a method's differ by chance."""
    return f"{method(experiment, seed, name)}/halves"


def trial(experiment: str, seed: int, name: str, number: int) -> str:
    """Return the folder of a trial of a scale, counted from 1, of a method whose rounds are jobs."""
    return f"{method(experiment, seed, name)}/trial_{number}"


def reached(trial_folder: str) -> str:
    """Return the file of a trial's result on validation."""
    return f"{trial_folder}/validation.json"


def sigma(experiment: str, seed: int, name: str) -> str:
    """Return the file of the scales that the rounds of a method share."""
    return f"{method(experiment, seed, name)}/sigma.json"


def run(experiment: str, seed: int, name: str, rounds: int) -> str:
    """Return the folder of the networks that a method ends with.

    Args:
        rounds: how many of its rounds are jobs; 0 where the method is one job.
    """
    return round_(experiment, seed, name, rounds) if rounds else method(experiment, seed, name)


def state(folder: str) -> str:
    """Return the file of the state that a job leaves: all networks, and what the next job needs."""
    return f"{folder}/state.safetensors"


def metrics(experiment: str) -> str:
    """Return the file of means over seeds for `dvc metrics`, outside the folder that DVC versions."""
    return f"results/{experiment}.metrics.json"


def curves(experiment: str) -> str:
    """Return the file of the learning curves, a column per method, for `dvc plots`."""
    return f"results/{experiment}.curves.csv"


def figure(experiment: str, name: str) -> str:
    """Return the file of a figure. One's own, package.module:name, has the last part of its name."""
    return f"results/{experiment}/figures/{short(name)}.svg"


SPLIT_HALVES = "split_halves"
"""The figure that asks for the null of split halves, and so for the jobs that train them."""


def ratios(experiment: str) -> str:
    """Return the file of the distances of datasets by layer, in units of the null of split halves."""
    return f"results/{experiment}/figures/{SPLIT_HALVES}.csv"


def trials(experiment: str) -> str:
    """Return the file of the results of the trials of a scale, of every method that makes them."""
    return f"results/{experiment}/figures/trials.csv"


def sweep(name: str) -> str:
    """Return the folder of the results of a sweep."""
    return f"{SWEEPS}/{name}"


def resume_of(record: str) -> str:
    """Return the folder of a job that trains, for its last state until it ends. Each job has its own."""
    return str(Path(RESUME, place_of(record)))


def place_of(record: str) -> str:
    """Return the path that a job's record stands for: its folder, or the name that its files begin with."""
    return record.removesuffix("settings.json").rstrip("./")


def diverged(resume: str) -> str:
    """Return the file that a job that diverged leaves beside its last state."""
    return f"{resume}/diverged.json"


def log_stem(folder: str) -> str:
    """Return the path of a job's log and costs, without ending, from its folder in runs/ or search/."""
    top, experiment, *below = folder.split("/")
    return "/".join(["logs", experiment, *(["search"] if top == "search" else []), *below])
