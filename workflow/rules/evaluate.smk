"""From networks to what a person looks at: measures of a seed, tables, figures, sweeps."""


rule evaluate:
    """Every method of a seed on validation and test, and what figures show of its networks."""
    input:
        settings=settings("evaluate"),
        before=before("evaluate"),
    output:
        metrics="results/{experiment}/s{seed}/metrics.csv",
        measures="results/{experiment}/s{seed}/measures.json",
        evidence="results/{experiment}/s{seed}/evidence.safetensors",
        record="results/{experiment}/s{seed}/settings.json",
    log:
        "logs/{experiment}/s{seed}/evaluate.log",
    benchmark:
        "logs/{experiment}/s{seed}/evaluate.tsv"
    conda:
        "../envs/jointnn.yaml"
    resources:
        gpu=gpus("evaluate"),
        mem_mb=16000,  # for 180 thousand training images (Task III): 3 GB a copy of their features
        runtime=120,
    shell:
        "python -m jointnn evaluate {input.settings} > {log} 2>&1"


rule collect:
    """All seeds of an experiment in tables."""
    input:
        settings=settings("collect"),
        before=before("collect"),
    output:
        metrics="results/{experiment}/metrics.csv",
        summary="results/{experiment}/summary.csv",
        table="results/{experiment}/table.md",
        latex="results/{experiment}/table.tex",
        dvc="results/{experiment}.metrics.json",
        record="results/{experiment}/settings.json",
    log:
        "logs/{experiment}/collect.log",
    benchmark:
        "logs/{experiment}/collect.tsv"
    conda:
        "../envs/jointnn.yaml"
    resources:
        mem_mb=1000,
        runtime=10,
    shell:
        "python -m jointnn collect {input.settings} > {log} 2>&1"


rule figures:
    """The figures of an experiment; which those are is its choice, so no rule can name them."""
    input:
        settings=settings("figures"),
        before=before("figures"),
    output:
        groups="results/{experiment}/figures/groups.csv",
        curves="results/{experiment}.curves.csv",
        record="results/{experiment}/figures/settings.json",
    log:
        "logs/{experiment}/figures.log",
    benchmark:
        "logs/{experiment}/figures.tsv"
    conda:
        "../envs/jointnn.yaml"
    resources:
        mem_mb=2000,
        runtime=10,
    shell:
        "python -m jointnn figures {input.settings} > {log} 2>&1"


rule ratios:
    """What the data of an experiment tell apart, layer by layer, in units of chance; halves alone are trained."""
    input:
        settings=settings("ratios"),
        before=before("ratios"),
    output:
        table="results/{experiment}/figures/split_halves.csv",
        drawing="results/{experiment}/figures/split_halves.svg",
        record="results/{experiment}/figures/split_halves.settings.json",
    log:
        "logs/{experiment}/ratios.log",
    benchmark:
        "logs/{experiment}/ratios.tsv"
    conda:
        "../envs/jointnn.yaml"
    resources:
        mem_mb=2000,
        runtime=10,
    shell:
        "python -m jointnn ratios {input.settings} > {log} 2>&1"


rule sweep:
    """A measure of all experiments of a sweep against the number in which they differ."""
    input:
        settings=settings("sweep"),
        before=before("sweep"),
    output:
        summary="results/sweeps/{sweep}/summary.csv",
        table="results/sweeps/{sweep}/table.md",
        curve="results/sweeps/{sweep}/curve.svg",
        record="results/sweeps/{sweep}/settings.json",
    log:
        "logs/sweeps/{sweep}.log",
    benchmark:
        "logs/sweeps/{sweep}.tsv"
    conda:
        "../envs/jointnn.yaml"
    resources:
        mem_mb=1000,
        runtime=10,
    shell:
        "python -m jointnn sweep {input.settings} > {log} 2>&1"


rule tidy:
    """Drop the files of seeds that parameters do not name any more."""
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
