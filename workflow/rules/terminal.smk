"""The view of a run in a terminal, in the place of Snakemake's own: see jointnn/terminal.

`snakemake --verbose` leaves Snakemake's own. A logger plugin would have to be installed; this is that of
the checkout.
"""

import signal

import psutil

from jointnn.jobs.costs import EarlierRuns, steps_of
from jointnn.jobs.reasons import why
from jointnn.jobs.specs import MODELS
from jointnn.terminal.forecast import Work, in_order
from jointnn.terminal.handler import Handler
from jointnn.terminal.plan import Run
from jointnn.terminal.screens import Lines, Table
from jointnn.terminal.words import kind_of, which_of

USUAL = "DefaultStreamHandler"
GRACE = 10  # seconds that a job has to end in
NO_JOB = {"tidy", "track"}


def run_ahead():
    """Return the run of this call, or end with one line if a user can mend what fails."""
    with in_a_sentence():
        return work_ahead()


def work_ahead():
    """Return the run of this call: its jobs, with the times of earlier runs."""
    dag, earlier = workflow.dag, EarlierRuns()
    ahead = {dag.jobid(one): one for one in dag.needrun_jobs() if not one.is_norun}
    known = {
        number: job(_stage(one), one.wildcards)
        for number, one in ahead.items()
        if one.rule.name not in NO_JOB
    }
    works = [_work(number, one, known.get(number), earlier) for number, one in ahead.items()]
    found = {name: resource.value for name, resource in workflow.global_resources.items()}
    shared = {name: count for name, count in found.items() if isinstance(count, int)}
    unrecorded = [] if "DVC_STAGE" in os.environ else PARAMS.versioned
    return Run(in_order(works), known, shared, unrecorded)


def _stage(one):
    """Return the name of a rule in the graph of jobs."""
    return {"initialise_search": "search_start"}.get(one.rule.name, one.rule.name)


def _work(number, one, known, earlier):
    """Return a job of Snakemake as the terminal shows it."""
    needs = {name: count for name, count in one.scheduler_resources.items() if isinstance(count, int)}
    after = frozenset(workflow.dag.jobid(other) for other in workflow.dag.dependencies[one])
    shared = {"needs": needs, "after": after, "log": next(iter(one.log), "")}
    if known is None:
        wildcards = dict(one.wildcards.items())
        return Work(number, wildcards.pop("experiment", ""), one.rule.name, **shared)
    steps = steps_of(known)
    forced = bool(workflow.dag.reason(one).forced)
    return Work(
        number,
        getattr(known, "experiment", ""),
        kind_of(known),
        which_of(known),
        steps=len(steps),
        first_step=steps.start,
        earlier=earlier.seconds(known),
        why=why(known, forced=forced),
        **shared,
    )


def end_running_jobs():
    """End the processes of all jobs; those on a cluster are cancelled by Snakemake."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if workflow.local_exec:
        children = psutil.Process().children(recursive=True)
        for child in children:
            child.terminate()
        _, alive = psutil.wait_procs(children, timeout=GRACE)
        for child in alive:
            child.kill()


def show_run():
    """Let our handler take the place of Snakemake's for the terminal; its log stays as it is."""
    logger, settings = workflow.logger_manager.logger, workflow.output_settings
    usual = next((handler for handler in logger.handlers if handler.name == USUAL), None)
    if usual is None or settings.verbose or settings.debug_dag:
        return
    is_terminal = usual.stream.isatty() and os.environ.get("TERM") != "dumb" and not settings.dryrun
    screen = Table(usual.stream) if is_terminal else Lines(usual.stream)
    ours = Handler(screen, run_ahead, AGAIN, dry=settings.dryrun, stop=end_running_jobs)
    for found in usual.filters:
        ours.addFilter(found)
    logger.removeHandler(usual)
    logger.addHandler(ours)


if workflow.is_main_process:
    show_run()
