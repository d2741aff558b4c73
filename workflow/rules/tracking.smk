"""Results in MLflow. The store is a view: it can be deleted and made again from the files."""


rule track:
    """Import every run that is there into the MLflow store: `snakemake track`."""
    log:
        "logs/track.log",
    conda:
        "../envs/jointnn.yaml"
    resources:
        mem_mb=1000,
        runtime=30,
    shell:
        "python -m jointnn track > {log} 2>&1"
