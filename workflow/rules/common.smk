"""params.yaml, the settings files of jobs, and the files that several rules name."""

import os
import shutil
import sys
from pathlib import Path

# Jobs run the Python and the package of this checkout, whatever else is installed.
sys.path.insert(0, workflow.basedir)
os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])

from jointnn import paths
from jointnn.errors import UserError
from jointnn.files import to_json, write_atomically
from jointnn.jobs import Jobs
from jointnn.reading import read_params

# The settings file of a job that is up to date must be older than all that the job has made.
LONG_AGO = 1e9


def refuse(sentence):
    """End with one clear line instead of a traceback."""
    print(sentence, file=sys.stderr)
    os._exit(1)


if config:
    refuse(
        f"--config {' '.join(config)}: settings come from params.yaml alone, since DVC could not see "
        "others. Edit params.yaml, or use: dvc exp run -S KEY=VALUE"
    )

try:
    PARAMS = read_params()
except UserError as error:
    refuse(str(error))

JOBS = Jobs(PARAMS)
EXPERIMENTS = PARAMS.experiments


wildcard_constraints:
    dataset="|".join(PARAMS.datasets),
    seed=r"\d+",
    k=r"\d+",
    size=r"\d+",
    point=r"\d+",


def settings(stage, **values):
    """The input function that gives the settings file of a job, for the wildcards of its rule.

    The file is newer than the outputs exactly if it differs from the record beside them: freshness is
    decided by content, wherever the outputs came from.

    `values` are arguments of Jobs.<stage>; one that is a function is called with the wildcards.
    """

    def stamped(wildcards):
        found = {name: value(wildcards) if callable(value) else value for name, value in values.items()}
        job = getattr(JOBS, stage)(**found)
        return stamp(paths.record(job), to_json(job))

    return stamped


def stamp(record, text):
    """Write the settings file of a record where it is missing or another one, and set its time."""
    path = Path(paths.SETTINGS, record)
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        write_atomically(path, text.encode())
    if Path(record).exists():
        fresh = Path(record).read_text(encoding="utf-8") == text
        os.utime(path, (LONG_AGO, LONG_AGO) if fresh else None)
    return str(path)


def number(name):
    """Reads a number from the wildcards."""
    return lambda wildcards: int(wildcards[name])


def networks(experiment, folder):
    """The checkpoints in a folder of an experiment, one per dataset."""
    return [paths.network(folder, name) for name in EXPERIMENTS[experiment].datasets]


def prepared(experiment, test):
    """The prepared images of an experiment's datasets: to draw from, or for the test."""
    chosen = EXPERIMENTS[experiment]
    return [paths.prepared(name, chosen.image_size, test) for name in chosen.datasets]


def run_files(experiment, folder, *more):
    """What every job that trains writes, besides its record."""
    names = ["history.csv", "test_history.csv", *more]
    return networks(experiment, folder) + [f"{folder}/{name}" for name in names]


def histories_of_joint(experiment):
    """Folders of the L2 start and of the rounds before the last, where `joint` is among the methods."""
    rounds = JOBS.rounds(experiment) if "joint" in EXPERIMENTS[experiment].methods else 0
    return [paths.round_(experiment, "{seed}", k) for k in range(rounds)]


def results_of(experiment):
    """What a user wants of an experiment: its tables and figures."""
    folder = f"results/{experiment}"
    figures = [f"{folder}/figures/{name}.svg" for name in EXPERIMENTS[experiment].figures]
    return [f"{folder}/table.md", f"{folder}/summary.csv", *figures]


onstart:
    # DVC keeps what it versions: drop the seeds that params.yaml does not name any more.
    for folder in abandoned_seeds():
        shutil.rmtree(folder)


def abandoned_seeds():
    """Folders of seeds that no experiment names, neither as seed nor as tuning seed."""
    for experiment, chosen in EXPERIMENTS.items():
        named = {f"s{seed}" for seed in [*chosen.seeds, chosen.tuning_seed]}
        for top in ("runs", "results"):
            for folder in Path(top, experiment).glob("s[0-9]*"):
                if folder.name not in named:
                    yield folder
