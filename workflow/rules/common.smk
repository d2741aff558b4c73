"""params.yaml, the settings files of jobs, and the files that several rules name."""

import os
import sys
from functools import cache
from pathlib import Path

# Jobs run the Python and the package of this checkout, whatever else is installed.
sys.path.insert(0, workflow.basedir)
os.environ.update(PATH=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))

from jointnn.io import paths
from jointnn.parameters import search
from jointnn.jobs.environment import KEEP_FREED
from jointnn.errors import UserError
from jointnn.jobs.freshness import is_fresh, mend_times, mend_times_of_sweep, write_settings
from jointnn.jobs.graph import Jobs
from jointnn.parameters.load import read_params


def refuse(sentence):
    """End with one clear line instead of a traceback."""
    print(sentence, file=sys.stderr, flush=True)
    os._exit(1)


# Jobs inherit it; who sets one of them decides.
for name, value in KEEP_FREED.items():
    os.environ.setdefault(name, value)

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

# Sizes of the prepared images of a dataset, each with its number of channels, on which experiments agree.
SIZES = {
    (dataset, chosen.image_size): chosen.channels
    for chosen in EXPERIMENTS.values()
    for dataset in chosen.datasets
}


wildcard_constraints:
    experiment="|".join(EXPERIMENTS),
    dataset="|".join(PARAMS.datasets),
    seed=r"\d+",
    k=r"\d+",
    size=r"\d+",
    trunk="|".join(sorted({chosen.trunk for chosen in EXPERIMENTS.values() if chosen.trunk})) or "none",
    point=r"\d+",


def job(stage, **values):
    """The function that gives the job of a rule (its settings) for the rule's wildcards.

    `values` are arguments of Jobs.<stage>; one that is a function is called with the wildcards.
    """

    def found(wildcards):
        known = {name: value(wildcards) if callable(value) else value for name, value in values.items()}
        try:
            return getattr(JOBS, stage)(**known)
        except UserError as error:
            refuse(str(error))

    return found


def settings(job_of):
    """The input function that gives a job's settings file, whose time tells whether the job must run."""

    def written(wildcards):
        known = job_of(wildcards)
        if "experiment" in known:
            mend_times_once(known["experiment"])
        elif known["stage"] == "sweep":
            mend_times_of_sweep_once(known["sweep"])
        return write_settings(known)

    return written


@cache
def mend_times_once(experiment):
    """Mend the times of an experiment's files, which a checkout may have mixed up, before any is looked at."""
    mend_times(JOBS, experiment)


@cache
def mend_times_of_sweep_once(sweep):
    """The same for a sweep, whose files are those of several experiments and its own."""
    mend_times_of_sweep(JOBS, sweep)


def number(name):
    """Reads a number from the wildcards."""
    return lambda wildcards: int(wildcards[name])


def networks(experiment, folder):
    """The state in a folder of an experiment, and its record."""
    return [paths.state(folder), f"{folder}/settings.json"]


def run_files(experiment, folder, *more):
    """What every job that trains writes."""
    names = ["history.csv", "test_history.csv", "distances.json", *more]
    return [*networks(experiment, folder), *(f"{folder}/{name}" for name in names)]


def start_of(experiment, method, seed="{seed}", folder=paths.start):
    """The files of the start of a method: the common one, unless its network is another."""
    return networks(experiment, folder(experiment, seed, JOBS.own_network(experiment, method)))


def sigma(experiment):
    """The scales of a seed, and their record."""
    folder = paths.seed_folder(experiment, "{seed}")
    return [f"{folder}/sigma.json", f"{folder}/sigma.settings.json"]


def prepared(job_of, experiment, test, pixels=False):
    """The input function that gives what is drawn from, and that of the test if wanted: images, or what a
    trunk makes of them unless `pixels` are asked for.

    They are cheap, and DVC does not version them. So a job that is fresh does not ask for those that are
    not here: else an edit of the figures, in a fresh clone, would train all networks again.
    """
    chosen = EXPERIMENTS[experiment]
    size, trunk = chosen.image_size, None if pixels else chosen.trunk
    stage = "activations" if trunk else "prepare"
    files = [
        file
        for name in chosen.datasets
        for file in [
            paths.prepared(name, size, trunk=trunk),
            *([paths.prepared(name, size, test=True, trunk=trunk)] if test else []),
            paths.record({"stage": stage, "dataset": name, "size": size, "trunk": trunk}),
        ]
    ]

    def wanted(wildcards):
        return [file for file in files if Path(file).exists()] if is_fresh(job_of(wildcards)) else files

    return wanted


def parts_of_joint(experiment):
    """Folders of the L2 start and of the rounds, where `joint` is among the methods."""
    rounds = JOBS.rounds(experiment) if "joint" in EXPERIMENTS[experiment].methods else -1
    return [paths.round_(experiment, "{seed}", k) for k in range(rounds + 1)]


def of_seeds(experiment, files):
    """Files with {seed} in their names, of every seed."""
    return [file.format(seed=seed) for seed in EXPERIMENTS[experiment].seeds for file in files]


def trained(experiment):
    """All that the training of an experiment makes."""
    methods = [name for name in EXPERIMENTS[experiment].methods if name != "joint"]
    folders = [paths.run(experiment, "{seed}", name, 0) for name in methods]
    files = [file for folder in folders for file in run_files(experiment, folder)]
    for k, folder in enumerate(parts_of_joint(experiment)):
        files += run_files(experiment, folder, *(["weights.json"] if k else []))
    if "joint" in EXPERIMENTS[experiment].methods:
        files += sigma(experiment)
    starts = [paths.start(experiment, "{seed}", own) for own in JOBS.starts(experiment)]
    return of_seeds(experiment, [file for start in starts for file in networks(experiment, start)] + files)


def results_of(experiment):
    """What a user wants of an experiment: its tables and figures."""
    folder = f"results/{experiment}"
    figures = [paths.figure(experiment, name) for name in EXPERIMENTS[experiment].figures]
    tables = ["table.md", "table.tex", "summary.csv", "metrics.csv", "settings.json"]
    apart = [paths.metrics(experiment), paths.curves(experiment)]
    return [*(f"{folder}/{name}" for name in tables), *figures, f"{folder}/figures/settings.json", *apart]


def caption(figure):
    """What the report says of a figure; of one's own it shows the name alone."""
    file = f"../report/{figure}.rst"
    return {"caption": file} if Path(workflow.basedir, "workflow/rules", file).exists() else {}


def abandoned_seeds(experiment):
    """Folders of seeds that the experiment does not name any more: DVC keeps what it versions."""
    named = {f"s{seed}" for seed in EXPERIMENTS[experiment].seeds}
    found = [path for top in ("runs", "results") for path in Path(top, experiment).glob("s[0-9]*")]
    return sorted(str(path) for path in found if path.name not in named)


def tidied(experiment):
    """Asks for the abandoned seeds to be dropped, if there are any."""
    return [f"work/tidied/{experiment}"] if abandoned_seeds(experiment) else []
