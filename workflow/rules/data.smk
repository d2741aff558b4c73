"""Datasets: from their source into Parquet files, from those into arrays of one size."""


rule fetch:
    """A dataset from its source into Parquet files, every image checked, and a manifest."""
    input:
        settings=settings("fetch"),
    output:
        train="data/raw/{dataset}/train.parquet",
        test="data/raw/{dataset}/test.parquet",
        manifest="data/raw/{dataset}/manifest.json",
        record="data/raw/{dataset}/settings.json",
    log:
        "logs/data/{dataset}.fetch.log",
    benchmark:
        "logs/data/{dataset}.fetch.tsv"
    conda:
        "../envs/jointnn.yaml"
    resources:
        mem_mb=16000,
        runtime=120,
    shell:
        "python -m jointnn fetch {input.settings} > {log} 2>&1"


rule inventory:
    """Which data an experiment learns from: counts and digests."""
    input:
        settings=settings("inventory"),
        before=before("inventory"),
    output:
        inventory="data/inventories/{experiment}.json",
        record="data/inventories/{experiment}.settings.json",
    log:
        "logs/data/{experiment}.inventory.log",
    benchmark:
        "logs/data/{experiment}.inventory.tsv"
    conda:
        "../envs/jointnn.yaml"
    resources:
        mem_mb=1000,
        runtime=10,
    shell:
        "python -m jointnn inventory {input.settings} > {log} 2>&1"


rule prepare:
    """The images of a dataset at one size, as arrays; the test split is a file of its own."""
    input:
        settings=settings("prepare"),
        before=before("prepare"),
    output:
        images="data/prepared/{dataset}-{size}.safetensors",
        test="data/prepared/{dataset}-{size}-test.safetensors",
        record="data/prepared/{dataset}-{size}.settings.json",
    log:
        "logs/data/{dataset}-{size}.prepare.log",
    benchmark:
        "logs/data/{dataset}-{size}.prepare.tsv"
    conda:
        "../envs/jointnn.yaml"
    resources:
        mem_mb=16000,
        runtime=60,
    shell:
        "python -m jointnn prepare {input.settings} > {log} 2>&1"


rule activations:
    """Activations of a frozen trunk for the images of a dataset, once for all jobs that learn from them."""
    input:
        settings=settings("activations"),
        before=before("activations"),
    output:
        images="data/prepared/{dataset}-{size}-{trunk}.safetensors",
        test="data/prepared/{dataset}-{size}-{trunk}-test.safetensors",
        record="data/prepared/{dataset}-{size}-{trunk}.settings.json",
    log:
        "logs/data/{dataset}-{size}-{trunk}.activations.log",
    benchmark:
        "logs/data/{dataset}-{size}-{trunk}.activations.tsv"
    conda:
        "../envs/jointnn.yaml"
    resources:
        gpu=0,  # it computes on the CPU, once
        mem_mb=8000,
        runtime=60,
    shell:
        "python -m jointnn activations {input.settings} > {log} 2>&1"
