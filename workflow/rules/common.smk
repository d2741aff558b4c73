"""The parameters, and answers of the graph of jobs: settings files, inputs of rules, files of targets."""

import os
import sys
from contextlib import contextmanager
from pathlib import Path

# Jobs run the Python and the package of this checkout, whatever else is installed.
sys.path.insert(0, workflow.basedir)
os.environ.update(PATH=os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")]))

from jointnn.terminal.interrupt import command_again, say_interrupt

AGAIN = command_again(sys.argv)
say_interrupt(AGAIN)

from jointnn.errors import refused
from jointnn.io import run_locks
from jointnn.jobs.environment import KEEP_FREED
from jointnn.jobs.freshness import is_finished, is_settled, of_the_past, write_settings
from jointnn.jobs.graph import Jobs
from jointnn.jobs.kept_params import read_kept_params, write_missing_choices
from jointnn.registry import nearest


def refuse(sentence):
    """End with one clear line instead of a traceback."""
    print(sentence, file=sys.stderr, flush=True)
    os._exit(1)


@contextmanager
def in_a_sentence():
    """End with one clear line if a user can mend what fails in the block, or the system refuses it."""
    try:
        yield
    except Exception as error:
        if (sentence := refused(error)) is None:
            raise
        refuse(str(sentence))


WRITTEN = [".", ".snakemake", ".snakemake/log", ".snakemake/locks", ".snakemake/metadata", "work", "logs"]


def refuse_folders_of_others():
    """Refuse folders that every call writes into and this user may not: Snakemake would fail with a traceback."""
    for folder in WRITTEN:
        if os.path.exists(folder) and not os.access(folder, os.W_OK | os.X_OK):
            refuse(
                f"{Path(folder).resolve()} is a folder that you may not write into. Its owner can allow it "
                "(chmod -R g+w), or work in a clone of your own."
            )


# Jobs inherit it; who sets one of them decides.
for name, value in KEEP_FREED.items():
    os.environ.setdefault(name, value)

if config:
    refuse(
        f"--config {' '.join(config)}: settings come from params.yaml and params/ alone, since DVC "
        "could not see others. Edit them, or use: dvc exp run -S FILE:KEY=VALUE"
    )

refuse_folders_of_others()
if "--unlock" in sys.argv and run_locks.are_at_work():
    refuse(
        "A run is at work in this folder, or jobs that a killed one left behind. Nothing was unlocked. Wait for it; "
        "what is locked by a run that was killed is unlocked by the next one itself."
    )
# Held until this process ends.
RUN_LOCK = run_locks.hold(begins=workflow.is_main_process)
with in_a_sentence():
    PARAMS = read_kept_params()
    write_missing_choices(PARAMS.versioned)
    JOBS = Jobs(PARAMS)
EXPERIMENTS = PARAMS.experiments
SETTLED = {}
KNOWN = {"experiment": EXPERIMENTS, "dataset": PARAMS.datasets, "sweep": PARAMS.sweeps}
NAME = "[a-z][a-z0-9_]*"

SHOW_THE_GRAPH = {"--rulegraph", "--dag", "--filegraph", "--summary", "--detailed-summary"}


wildcard_constraints:
    experiment=rf"(?!sweeps/){NAME}",
    dataset=NAME,
    method=rf"(?!start[_/]){NAME}",
    trunk=r"(?!test\b)[a-zA-Z_][\w.:]*",
    sweep=NAME,
    own=rf"(_{NAME})?",
    seed=r"\d+",
    number=r"\d+",
    size=r"\d+",
    point=r"\d+",


def job(stage, wildcards):
    """Return the job of a rule. Its wildcards are the arguments of Jobs.<stage>."""
    given = {name: int(text) if text.isdigit() else text for name, text in wildcards.items()}
    for kind in given.keys() & KNOWN.keys():
        if given[kind] not in KNOWN[kind]:
            refuse(f"there is no {kind} {given[kind]!r}{nearest(given[kind], KNOWN[kind])}")
    if "own" in given:
        given["own"] = given["own"].removeprefix("_")
    with in_a_sentence():
        return getattr(JOBS, stage)(**given)


def settings(stage):
    """Return the input function for a job's settings file, whose time tells whether the job must run."""

    def written_settings(wildcards):
        known = job(stage, wildcards)
        with in_a_sentence():
            return write_settings(known)

    return written_settings


def before(stage):
    """Return the input function for the files that a job reads of the jobs before it.

    Their times do not matter, unless the job has to run anyway: then Snakemake must know that it is after them.
    Images are cheap, and DVC does not version them. So a job that is finished does not ask for them: else an
    edit of the figures, in a fresh clone, would train all networks again.
    """

    def wanted(wildcards):
        known = job(stage, wildcards)
        with in_a_sentence():
            files = JOBS.inputs(known, images=wants_whole_graph() or not is_finished(known))
            settled = is_settled(JOBS, known, SETTLED, workflow.dag_settings.forcerun)
            return [ancient(file) if settled else file for file in of_the_past(files)]

    return wanted


def wants_whole_graph():
    """Return whether a call shows the graph, or runs jobs in it again, whatever is finished."""
    asked = workflow.dag_settings
    return bool(asked.forceall or asked.forcerun or SHOW_THE_GRAPH & set(sys.argv))


def gpus(stage):
    """Return the function for the GPUs of a job: none where the experiment says `device: cpu`."""
    return lambda wildcards: job(stage, wildcards).gpus


def cores(stage):
    """Return the function for the threads of a job."""
    return lambda wildcards: job(stage, wildcards).threads


def tasks(stage):
    """Return the function for a resource of SLURM. Only a job of several processes asks: each is a task."""

    def told(value):
        def asked(wildcards):
            known = job(stage, wildcards)
            return value(known) if known.processes > 1 else None

        return asked

    return {
        "mpi": told(lambda known: "srun"),
        "tasks": told(lambda known: known.processes),
        "tasks_per_gpu": told(lambda known: 1 if known.gpus else None),
        "cpus_per_task": told(lambda known: known.threads // known.processes),
    }


def target(files):
    """Return the input function of a target, from one of its files; a user's mistake ends with one line."""

    def wanted(wildcards):
        with in_a_sentence():
            return files()

    return wanted


def results_of(*experiments):
    """Return the input function of a target: the tables and figures of experiments."""
    return target(lambda: [file for name in experiments for file in _results(name)])


def _results(experiment):
    """Return the outputs of an experiment without the figures of its choice, which no rule can name."""
    jobs = JOBS.results(experiment)
    made = [file for known in jobs for file in known.outputs if file not in known.of_choice]
    return [*made, *_tidied(experiment)]


def trained(experiment):
    """Return the input function of a target: all that the training of an experiment makes."""

    def files():
        jobs = JOBS.in_order(*JOBS.results(experiment))
        made = [known for known in jobs if known.record.startswith("runs/")]
        return [*(file for known in made for file in known.outputs), *_tidied(experiment)]

    return target(files)


def choice_of(experiment):
    """Return the input function of a target: the choice of an experiment's search."""
    return target(lambda: JOBS.choose(experiment).outputs)


def swept(sweep):
    """Return the input function of a target: the table and the figure of a sweep."""
    return target(lambda: JOBS.sweep(sweep).outputs)


def abandoned_seeds(experiment):
    """Return folders of seeds that the experiment does not name any more: DVC keeps what it versions."""
    named = {f"s{seed}" for seed in EXPERIMENTS[experiment].seeds}
    found = [path for top in ("runs", "results") for path in Path(top, experiment).glob("s[0-9]*")]
    return sorted(str(path) for path in found if path.name not in named)


def _tidied(experiment):
    """Return the file that asks for the abandoned seeds to be dropped, if there are any."""
    return [f"work/tidied/{experiment}"] if abandoned_seeds(experiment) else []
