"""Plain `snakemake` builds the default experiments; `snakemake EXPERIMENT` one of params.yaml."""

from snakemake.utils import min_version

min_version("9.0")


include: "workflow/rules/common.smk"
include: "workflow/rules/terminal.smk"
include: "workflow/rules/data.smk"
include: "workflow/rules/train.smk"
include: "workflow/rules/search.smk"
include: "workflow/rules/evaluate.smk"
include: "workflow/rules/tracking.smk"


onstart:
    # Snakemake's limit of jobs per second has its scheduler look at all jobs again every second, and once more in
    # every second for each job that has ended: that can take a core. Jobs that run here need no such limit.
    if workflow.local_exec:
        workflow.scheduler.job_rate_limiter = None


rule all:
    """The default experiments."""
    default_target: True
    input:
        results_of(*PARAMS.default),


rule paper:
    """The experiments at the scale of the paper: days on a GPU."""
    input:
        results_of(*PARAMS.paper),


include: "workflow/rules/targets.smk"
