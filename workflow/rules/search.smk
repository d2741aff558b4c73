"""The search of hyper-parameters on the tuning seed. No rule here takes a test split as input."""

for experiment, chosen in EXPERIMENTS.items():
    F = f"search/{experiment}"
    POINTS = JOBS.points(experiment)
    START = paths.search_start(experiment)
    JOB = job("search_start", experiment=experiment)

    rule:
        """The common start of the tuning seed."""
        name:
            f"initialise_search_{experiment}"
        input:
            settings=settings(JOB),
            images=prepared(JOB, experiment, test=False),
        output:
            networks(experiment, START),
        log:
            f"logs/{experiment}/search/start.log",
        benchmark:
            f"logs/{experiment}/search/start.tsv"
        conda:
            "../envs/jointnn.yaml"
        resources:
            mem_mb=2000,
            runtime=10,
        shell:
            "python -m jointnn initialise {input.settings} > {log} 2>&1"

    for method in POINTS:
        JOB = job("attempt", experiment=experiment, name=method, point=number("point"))

        rule:
            """One point of a method's grid."""
            name:
                f"attempt_{experiment}_{method}"
            input:
                settings=settings(JOB),
                start=networks(experiment, START),
                images=prepared(JOB, experiment, test=False),
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
                settings=settings(job("choose", experiment=experiment)),
                points=[
                    f"{F}/{method}/point_{point}.{kind}"
                    for method, count in POINTS.items()
                    for point in range(count)
                    for kind in ["json", "settings.json"]
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
