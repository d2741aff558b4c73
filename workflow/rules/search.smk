"""The search of hyper-parameters on the tuning seed. No rule here takes a test split as input."""

for experiment, chosen in EXPERIMENTS.items():
    F = f"search/{experiment}"
    POINTS = JOBS.points(experiment)

    for method in POINTS:

        rule:
            """One point of a method's grid."""
            name:
                f"attempt_{experiment}_{method}"
            input:
                settings=settings("attempt", experiment=experiment, name=method, point=number("point")),
                start=networks(experiment, f"runs/{experiment}/s{chosen.tuning_seed}/start"),
                images=prepared(experiment, test=False),
            output:
                point=f"{F}/{method}/point_{{point}}.json",
                record=f"{F}/{method}/point_{{point}}.settings.json",
            log:
                f"logs/{experiment}/search/{method}_{{point}}.log",
            benchmark:
                f"logs/{experiment}/search/{method}_{{point}}.tsv"
            conda:
                "../envs/jointnn.yaml"
            threads: JOBS.threads(experiment)
            resources:
                gpu=1,
                mem_mb=4000,
                runtime=720,
            shell:
                "python -m jointnn attempt {input.settings} > {log} 2>&1"

    if POINTS:

        rule:
            """The best point of each method: `snakemake search_{experiment}`."""
            name:
                f"search_{experiment}"
            input:
                settings=settings("choose", experiment=experiment),
                points=[
                    f"{F}/{method}/point_{point}.json"
                    for method, count in POINTS.items()
                    for point in range(count)
                ],
            output:
                grid=f"{F}/grid.csv",
                choice=f"{F}/choice.yaml",
                record=f"{F}/settings.json",
            log:
                f"logs/{experiment}/search/choose.log",
            benchmark:
                f"logs/{experiment}/search/choose.tsv"
            conda:
                "../envs/jointnn.yaml"
            resources:
                mem_mb=1000,
                runtime=10,
            shell:
                "python -m jointnn choose {input.settings} > {log} 2>&1"
