"""What a person asks for by name: `snakemake digits`, `train_digits`, `search_digits`, `sweep_NAME`.

A call that names some of them has rules for no others, so that it takes no longer where params.yaml has many.
"""

for experiment in filter(is_asked_for, EXPERIMENTS):

    rule:
        """One experiment, its tables and figures."""
        name:
            experiment
        input:
            results_of(experiment),


for experiment in filter(lambda name: is_asked_for(f"train_{name}"), EXPERIMENTS):

    rule:
        """The networks of an experiment, without its tables."""
        name:
            f"train_{experiment}"
        input:
            trained(experiment),


for experiment in filter(lambda name: is_asked_for(f"search_{name}"), SEARCHED):

    rule:
        """The search of an experiment, on tuning seeds."""
        name:
            f"search_{experiment}"
        input:
            choice_of(experiment),


for sweep in filter(lambda name: is_asked_for(f"sweep_{name}"), PARAMS.sweeps):

    rule:
        """Experiments that differ in one number, in one table and one figure."""
        name:
            f"sweep_{sweep}"
        input:
            swept(sweep),
