"""Where files lie. Names read as sentences: runs/digits/s0/joint/round_3/weights.json."""

from pathlib import Path

from jointnn.registry import short

SETTINGS = "work/settings"
RESUME = "work/resume"
SWEEPS = "results/sweeps"


def raw(dataset: str) -> str:
    """Folder of a dataset's Parquet files and manifest."""
    return f"data/raw/{dataset}"


def prepared(dataset: str, size: int, test: bool = False, trunk: str | None = None) -> str:
    """A dataset's images of one size, or their activations; the test split is a file of its own."""
    split = "-test" if test else ""
    return f"data/prepared/{dataset}-{size}{f'-{trunk}' if trunk else ''}{split}.safetensors"


def seed_folder(experiment: str, seed: int | str) -> str:
    """Everything that one seed trains."""
    return f"runs/{experiment}/s{seed}"


def start(experiment: str, seed: int | str, own: str = "") -> str:
    """Folder of the common start; `own` is a method that has another network, and so another start."""
    return f"{seed_folder(experiment, seed)}/{_start(own)}"


def is_start(folder: str) -> bool:
    """Whether a folder of a seed is a start."""
    return folder.split("_", maxsplit=1)[0] == _start("")


def _start(own: str) -> str:
    return f"start_{own}" if own else "start"


def search_folder(experiment: str, seed: int) -> str:
    """Everything of one tuning seed: the search writes nothing among the runs."""
    return f"search/{experiment}/s{seed}"


def search_start(experiment: str, seed: int, own: str = "") -> str:
    """Folder of the common start of a tuning seed, or of that of a method with another network."""
    return f"{search_folder(experiment, seed)}/{_start(own)}"


def attempt(experiment: str, seed: int, method: str, point: int | str) -> str:
    """What a point of the search reaches."""
    return f"{search_folder(experiment, seed)}/{method}/point_{point}.json"


def l2(experiment: str, seed: int | str) -> str:
    """Folder of the L2 start of `joint`."""
    return f"{seed_folder(experiment, seed)}/l2"


def sigma(experiment: str, seed: int) -> str:
    """The scales."""
    return f"{seed_folder(experiment, seed)}/sigma.json"


def round_(experiment: str, seed: int | str, number: int) -> str:
    """Folder of an IRLS round; round 0 is the L2 start."""
    if number == 0:
        return l2(experiment, seed)
    return f"{seed_folder(experiment, seed)}/joint/round_{number}"


def run(experiment: str, seed: int | str, method: str, rounds: int) -> str:
    """Folder of the networks that a method ends with."""
    if method == "joint":
        return round_(experiment, seed, rounds)
    return f"{seed_folder(experiment, seed)}/{method}"


def state(folder: str) -> str:
    """The state that a job leaves: the networks of all datasets, and what the next job reads besides."""
    return f"{folder}/state.safetensors"


def metrics(experiment: str) -> str:
    """The means over seeds, for `dvc metrics`; apart from the folder that DVC versions as a whole."""
    return f"results/{experiment}.metrics.json"


def curves(experiment: str) -> str:
    """The learning curves, a column per method, for `dvc plots`."""
    return f"results/{experiment}.curves.csv"


def figure(experiment: str, name: str) -> str:
    """A figure; one's own, package.module:name, has the last part of its name."""
    return f"results/{experiment}/figures/{short(name)}.svg"


def sweep(name: str) -> str:
    """Folder of what several experiments show together."""
    return f"{SWEEPS}/{name}"


def resume_of(record: str) -> str:
    """Folder in which a job that trains keeps its last state until it ends; each job has its own."""
    return str(Path(RESUME, record.removesuffix("settings.json").rstrip("./")))


def diverged(resume: str) -> str:
    """What a job that diverged leaves beside its last state."""
    return f"{resume}/diverged.json"


def record(job: dict) -> str:  # type: ignore[type-arg]
    """The record of a job, from its settings."""
    stage, experiment, seed = job["stage"], job.get("experiment", ""), job.get("seed", 0)
    folder = seed_folder(experiment, seed)
    match stage:
        case "fetch":
            return f"{raw(job['dataset'])}/settings.json"
        case "prepare":
            return f"data/prepared/{job['dataset']}-{job['size']}.settings.json"
        case "activations":
            return f"data/prepared/{job['dataset']}-{job['size']}-{job['trunk']}.settings.json"
        case "initialise":
            return f"{job['start']}/settings.json"
        case "sigma":
            return f"{folder}/sigma.settings.json"
        case "train":
            return f"{job['folder']}/settings.json"
        case "evaluate":
            return f"results/{experiment}/s{seed}/settings.json"
        case "attempt":
            return attempt(experiment, seed, job["method"], job["point"]).replace(".json", ".settings.json")
        case "choose":
            return f"search/{experiment}/settings.json"
        case "figures":
            return f"results/{experiment}/figures/settings.json"
        case "sweep":
            return f"{sweep(job['sweep'])}/settings.json"
    return f"results/{experiment}/settings.json"


def benchmark(job: dict) -> str:  # type: ignore[type-arg]
    """Where Snakemake writes what a job cost: time [s], peak memory [MB], ..."""
    stage, experiment = job["stage"], job.get("experiment", "")
    match stage:
        case "fetch":
            return f"logs/data/{job['dataset']}.fetch.tsv"
        case "prepare":
            return f"logs/data/{job['dataset']}-{job['size']}.prepare.tsv"
        case "activations":
            return f"logs/data/{job['dataset']}-{job['size']}-{job['trunk']}.activations.tsv"
        case "collect" | "figures":
            return f"logs/{experiment}/{stage}.tsv"
        case "evaluate":
            return f"logs/{experiment}/s{job['seed']}/evaluate.tsv"
        case "choose":
            return f"logs/{experiment}/search/choose.tsv"
        case "sweep":
            return f"logs/sweeps/{job['sweep']}.tsv"
        case "attempt":
            return f"logs/{experiment}/search/s{job['seed']}/{job['method']}_{job['point']}.tsv"
    if stage == "initialise" and job["start"].startswith("search/"):
        return f"logs/{experiment}/search/s{job['seed']}/{Path(job['start']).name}.tsv"
    made = record(job).removeprefix("runs/").removesuffix("settings.json").rstrip("./")
    return f"logs/{made}.tsv"
