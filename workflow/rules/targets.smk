"""Targets to ask for by name: `snakemake digits`, `train_digits`, `search_digits`, `sweep_NAME`."""

for experiment in EXPERIMENTS:

    rule:
        """One experiment, its tables and figures."""
        name:
            experiment
        input:
            results_of(experiment),

    if experiment in PARAMS.versioned:

        rule:
            """The networks of an experiment, without its tables: a stage of DVC."""
            name:
                f"train_{experiment}"
            input:
                trained(experiment),

    if EXPERIMENTS[experiment].search:

        rule:
            """The search of an experiment, on tuning seeds."""
            name:
                f"search_{experiment}"
            input:
                choice_of(experiment),


for sweep in PARAMS.sweeps:

    rule:
        """Experiments that differ in one number, in one table and one figure."""
        name:
            f"sweep_{sweep}"
        input:
            swept(sweep),
