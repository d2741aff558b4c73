"""From networks to what a person looks at: metrics of a seed, tables, figures."""

for experiment, chosen in EXPERIMENTS.items():
    LAST = {name: paths.run(experiment, "{seed}", name, JOBS.rounds(experiment)) for name in chosen.methods}
    R = f"results/{experiment}"
    JOB = job("evaluate", experiment=experiment, seed=number("seed"))

    rule:
        """Every method of a seed on validation and test, and what figures show of its networks."""
        name:
            f"evaluate_{experiment}"
        input:
            settings=settings(JOB),
            networks=[file for folder in LAST.values() for file in networks(experiment, folder)],
            images=prepared(JOB, experiment, test=True),
        output:
            metrics=f"{R}/s{{seed}}/metrics.csv",
            measures=f"{R}/s{{seed}}/measures.json",
            evidence=f"{R}/s{{seed}}/evidence.safetensors",
            record=f"{R}/s{{seed}}/settings.json",
        log:
            f"logs/{experiment}/s{{seed}}/evaluate.log",
        benchmark:
            f"logs/{experiment}/s{{seed}}/evaluate.tsv"
        conda:
            "../envs/jointnn.yaml"
        resources:
            gpu=1,
            mem_mb=16000,  # for 180 thousand training images (Task III): 3 GB a copy of their features
            runtime=120,
        shell:
            "python -m jointnn evaluate {input.settings} > {log} 2>&1"

    rule:
        """All seeds in tables."""
        name:
            f"collect_{experiment}"
        input:
            settings=settings(job("collect", experiment=experiment)),
            metrics=of_seeds(
                experiment,
                [f"{R}/s{{seed}}/{name}" for name in ["metrics.csv", "measures.json", "settings.json"]],
            ),
        output:
            metrics=f"{R}/metrics.csv",
            summary=report(f"{R}/summary.csv", caption="../report/summary.rst", category=experiment),
            table=report(f"{R}/table.md", caption="../report/table.rst", category=experiment),
            latex=f"{R}/table.tex",
            dvc=paths.metrics(experiment),
            record=f"{R}/settings.json",
        log:
            f"logs/{experiment}/collect.log",
        benchmark:
            f"logs/{experiment}/collect.tsv"
        conda:
            "../envs/jointnn.yaml"
        resources:
            mem_mb=1000,
            runtime=10,
        shell:
            "python -m jointnn collect {input.settings} > {log} 2>&1"

    JOB = job("figures", experiment=experiment)
    HISTORIES = [
        f"{folder}/{name}"
        for folder in [*LAST.values(), *parts_of_joint(experiment)[:-1]]
        for name in ["history.csv", "test_history.csv", "settings.json"]
    ]
    MEASURED = [
        f"{R}/s{{seed}}/{name}"
        for name in ["metrics.csv", "measures.json", "evidence.safetensors", "settings.json"]
    ]

    rule:
        """The figures."""
        name:
            f"figures_{experiment}"
        input:
            settings=settings(JOB),
            seeds=of_seeds(experiment, MEASURED),
            histories=of_seeds(experiment, HISTORIES),
            weights=of_seeds(
                experiment, [f"{folder}/weights.json" for folder in parts_of_joint(experiment)[1:]]
            ),
            images=prepared(JOB, experiment, test=False, pixels=True),
        output:
            [
                report(paths.figure(experiment, name), category=experiment, **caption(name))
                for name in chosen.figures
            ],
            groups=f"{R}/figures/groups.csv",
            curves=paths.curves(experiment),
            record=f"{R}/figures/settings.json",
        log:
            f"logs/{experiment}/figures.log",
        benchmark:
            f"logs/{experiment}/figures.tsv"
        conda:
            "../envs/jointnn.yaml"
        resources:
            mem_mb=2000,
            runtime=10,
        shell:
            "python -m jointnn figures {input.settings} > {log} 2>&1"

    rule:
        """Everything of one experiment: `snakemake {experiment}`."""
        name:
            experiment
        input:
            results_of(experiment),
            tidied(experiment),


rule tidy:
    """Drop the files of seeds that params.yaml does not name any more."""
    output:
        temp(touch("work/tidied/{experiment}")),
    log:
        "logs/{experiment}/tidy.log",
    conda:
        "../envs/jointnn.yaml"
    resources:
        mem_mb=1000,
        runtime=10,
    params:
        folders=lambda w: abandoned_seeds(w.experiment),
    shell:
        "rm -rf {params.folders} > {log} 2>&1"
