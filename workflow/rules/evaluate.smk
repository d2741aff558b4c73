"""From networks to what a person looks at: metrics of a seed, tables, figures."""

for experiment, chosen in EXPERIMENTS.items():
    LAST = {name: paths.run(experiment, "{seed}", name, JOBS.rounds(experiment)) for name in chosen.methods}
    R = f"results/{experiment}"

    rule:
        """Every method of a seed on validation and test, and the confusion of its labels."""
        name:
            f"evaluate_{experiment}"
        input:
            settings=settings("evaluate", experiment=experiment, seed=number("seed")),
            networks=[file for folder in LAST.values() for file in networks(experiment, folder)],
            records=[f"{folder}/settings.json" for folder in LAST.values()],
            images=prepared(experiment, test=False),
            test=prepared(experiment, test=True),
        output:
            metrics=f"{R}/s{{seed}}/metrics.csv",
            confusion=f"{R}/s{{seed}}/confusion.csv",
            record=f"{R}/s{{seed}}/settings.json",
        log:
            f"logs/{experiment}/s{{seed}}/evaluate.log",
        benchmark:
            f"logs/{experiment}/s{{seed}}/evaluate.tsv"
        conda:
            "../envs/jointnn.yaml"
        resources:
            mem_mb=4000,
            runtime=60,
        shell:
            "python -m jointnn evaluate {input.settings} > {log} 2>&1"

    rule:
        """All seeds in tables."""
        name:
            f"collect_{experiment}"
        input:
            settings=settings("collect", experiment=experiment),
            metrics=[f"{R}/s{seed}/metrics.csv" for seed in chosen.seeds],
        output:
            metrics=f"{R}/metrics.csv",
            summary=report(f"{R}/summary.csv", caption="../report/summary.rst", category=experiment),
            table=report(f"{R}/table.md", caption="../report/table.rst", category=experiment),
            latex=f"{R}/table.tex",
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

    rule:
        """The figures."""
        name:
            f"figures_{experiment}"
        input:
            settings=settings("figures", experiment=experiment),
            seeds=[f"{R}/s{seed}/confusion.csv" for seed in chosen.seeds],
            histories=[
                f"{folder.format(seed=seed)}/{name}"
                for folder in [*LAST.values(), *histories_of_joint(experiment)]
                for name in ("history.csv", "test_history.csv")
                for seed in chosen.seeds
            ],
            images=prepared(experiment, test=False),
        output:
            [
                report(f"{R}/figures/{name}.svg", caption=f"../report/{name}.rst", category=experiment)
                for name in chosen.figures
            ],
            groups=f"{R}/figures/groups.csv",
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
