"""Training: the common start, the L2 start, sigma, the IRLS rounds, and every other method.

Experiments differ in their datasets, and so in the files of a run: each has its own rules.
"""

for experiment, chosen in EXPERIMENTS.items():
    S = f"runs/{experiment}/s{{seed}}"
    L = f"logs/{experiment}/s{{seed}}"
    THREADS = JOBS.threads(experiment)

    for own in JOBS.starts(experiment):
        JOB = job("initialise", experiment=experiment, seed=number("seed"), own=own)
        START = paths.start(experiment, "{seed}", own)

        rule:
            """The start of a seed, the same parameters for every network: the common one, or a method's."""
            name:
                "_".join(filter(None, ["initialise", experiment, own]))
            input:
                settings=settings(JOB),
                images=prepared(JOB, experiment, test=False),
            output:
                networks(experiment, START),
            log:
                START.replace("runs/", "logs/") + ".log",
            benchmark:
                START.replace("runs/", "logs/") + ".tsv"
            conda:
                "../envs/jointnn.yaml"
            resources:
                mem_mb=2000,
                runtime=10,
            shell:
                "python -m jointnn initialise {input.settings} > {log} 2>&1"

    JOB = job("l2", experiment=experiment, seed=number("seed"))

    rule:
        """The L2 start (5) of `joint`."""
        name:
            f"l2_{experiment}"
        input:
            settings=settings(JOB),
            start=start_of(experiment, "joint"),
            images=prepared(JOB, experiment, test=True),
        output:
            run_files(experiment, f"{S}/l2"),
        log:
            f"{L}/l2.log",
        benchmark:
            f"{L}/l2.tsv"
        conda:
            "../envs/jointnn.yaml"
        threads: THREADS
        resources:
            gpu=1,
            mem_mb=8000,
            runtime=720,
        shell:
            "python -m jointnn train {input.settings} > {log} 2>&1"

    rule:
        """The scale of each block, 4.2.1."""
        name:
            f"sigma_{experiment}"
        input:
            settings=settings(job("sigma", experiment=experiment, seed=number("seed"))),
            l2=[f"{S}/l2/distances.json", f"{S}/l2/settings.json"],
        output:
            sigma(experiment),
        log:
            f"{L}/sigma.log",
        benchmark:
            f"{L}/sigma.tsv"
        conda:
            "../envs/jointnn.yaml"
        resources:
            mem_mb=1000,
            runtime=10,
        shell:
            "python -m jointnn sigma {input.settings} > {log} 2>&1"

    for k in range(1, JOBS.rounds(experiment) + 1):
        JOB = job("irls", experiment=experiment, seed=number("seed"), number=k)

        rule:
            """One IRLS round: weights (7) from the networks before it, then training with them."""
            name:
                f"irls_{experiment}_{k}"
            input:
                settings=settings(JOB),
                before=run_files(experiment, paths.round_(experiment, "{seed}", k - 1)),
                weights=[f"{S}/joint/round_{j}/weights.json" for j in range(1, k)],
                sigma=sigma(experiment),
                start=start_of(experiment, "joint"),
                images=prepared(JOB, experiment, test=True),
            output:
                run_files(experiment, f"{S}/joint/round_{k}", "weights.json"),
            log:
                f"{L}/joint/round_{k}.log",
            benchmark:
                f"{L}/joint/round_{k}.tsv"
            conda:
                "../envs/jointnn.yaml"
            threads: THREADS
            resources:
                gpu=1,
                mem_mb=8000,
                runtime=720,
            shell:
                "python -m jointnn train {input.settings} > {log} 2>&1"

    for method in [name for name in chosen.methods if name != "joint"]:
        JOB = job("train", experiment=experiment, seed=number("seed"), name=method)

        rule:
            """A method in one job, from the common start to the end of its budget."""
            name:
                f"{method}_{experiment}"
            input:
                settings=settings(JOB),
                start=start_of(experiment, method),
                images=prepared(JOB, experiment, test=True),
            output:
                run_files(experiment, f"{S}/{method}"),
            log:
                f"{L}/{method}.log",
            benchmark:
                f"{L}/{method}.tsv"
            conda:
                "../envs/jointnn.yaml"
            threads: THREADS
            resources:
                gpu=1,
                mem_mb=8000,
                runtime=720,
            shell:
                "python -m jointnn train {input.settings} > {log} 2>&1"

    rule:
        """The training of one experiment, without its evaluation: `snakemake train_{experiment}`."""
        name:
            f"train_{experiment}"
        input:
            trained(experiment),
            tidied(experiment),
