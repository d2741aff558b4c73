"""Several experiments that differ in one number, seen together: `snakemake sweep_NAME`."""

for sweep, chosen in PARAMS.sweeps.items():
    R = paths.sweep(sweep)

    rule:
        """A measure of all experiments of a sweep against their number."""
        name:
            f"sweep_{sweep}"
        input:
            settings=settings(job("sweep", name=sweep)),
            metrics=[
                f"results/{experiment}/{name}"
                for experiment in chosen.experiments
                for name in ["metrics.csv", "settings.json"]
            ],
        output:
            summary=f"{R}/summary.csv",
            table=report(f"{R}/table.md", caption="../report/sweep_table.rst", category=f"sweep {sweep}"),
            curve=report(f"{R}/curve.svg", caption="../report/sweep.rst", category=f"sweep {sweep}"),
            record=f"{R}/settings.json",
        log:
            f"logs/sweeps/{sweep}.log",
        benchmark:
            f"logs/sweeps/{sweep}.tsv"
        conda:
            "../envs/jointnn.yaml"
        resources:
            mem_mb=1000,
            runtime=10,
        shell:
            "python -m jointnn sweep {input.settings} > {log} 2>&1"
