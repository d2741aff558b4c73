"""The search of hyper-parameters on tuning seeds. No rule here takes a test split as input."""

for experiment, chosen in EXPERIMENTS.items():
    F = f"search/{experiment}"
    L = f"logs/{experiment}/search"
    ATTEMPTS = search.attempts(chosen)

    for seed in ATTEMPTS:
        for own in JOBS.starts(experiment):
            START = paths.search_start(experiment, seed, own)
            JOB = job("search_start", experiment=experiment, seed=seed, own=own)

            rule:
                """A start of a tuning seed."""
                name:
                    "_".join(filter(None, ["initialise_search", experiment, str(seed), own]))
                input:
                    settings=settings(JOB),
                    images=prepared(JOB, experiment, test=False),
                output:
                    networks(experiment, START),
                log:
                    f"{L}/s{seed}/{Path(START).name}.log",
                benchmark:
                    f"{L}/s{seed}/{Path(START).name}.tsv"
                conda:
                    "../envs/jointnn.yaml"
                resources:
                    mem_mb=2000,
                    runtime=10,
                shell:
                    "python -m jointnn initialise {input.settings} > {log} 2>&1"

        for method in ATTEMPTS[seed]:
            JOB = job("attempt", experiment=experiment, seed=seed, name=method, point=number("point"))
            POINT = paths.attempt(experiment, seed, method, "{point}")

            rule:
                """One point of a method's grid."""
                name:
                    f"attempt_{experiment}_{seed}_{method}"
                input:
                    settings=settings(JOB),
                    start=start_of(experiment, method, seed, paths.search_start),
                    images=prepared(JOB, experiment, test=False),
                output:
                    point=POINT,
                    record=POINT.replace(".json", ".settings.json"),
                log:
                    f"{L}/s{seed}/{method}_{{point}}.log",
                benchmark:
                    f"{L}/s{seed}/{method}_{{point}}.tsv"
                conda:
                    "../envs/jointnn.yaml"
                threads: JOBS.threads(experiment)
                resources:
                    gpu=1,
                    mem_mb=8000,
                    runtime=720,
                shell:
                    "python -m jointnn attempt {input.settings} > {log} 2>&1"

    if ATTEMPTS:

        rule:
            """The best point of each method: `snakemake search_{experiment}`."""
            name:
                f"search_{experiment}"
            input:
                settings=settings(job("choose", experiment=experiment)),
                points=[
                    paths.attempt(experiment, seed, method, point).replace(".json", ending)
                    for seed, grid in ATTEMPTS.items()
                    for method, points in grid.items()
                    for point in points
                    for ending in [".json", ".settings.json"]
                ],
            output:
                grid=f"{F}/grid.csv",
                choice=f"{F}/choice.yaml",
                record=f"{F}/settings.json",
            log:
                f"{L}/choose.log",
            benchmark:
                f"{L}/choose.tsv"
            conda:
                "../envs/jointnn.yaml"
            resources:
                mem_mb=1000,
                runtime=10,
            shell:
                "python -m jointnn choose {input.settings} > {log} 2>&1"
