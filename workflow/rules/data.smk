"""Datasets: from their source into Parquet files, from those into arrays of one size."""


rule fetch:
    """A dataset from its source into Parquet files, every image checked, and a manifest."""
    input:
        settings=settings(job("fetch", dataset=lambda w: w.dataset)),
    output:
        splits=expand("data/raw/{{dataset}}/{split}.parquet", split=["train", "test"]),
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


rule prepare:
    """The images of a dataset at one size, as arrays; the test split is a file of its own."""
    input:
        settings=settings(
            job(
                "prepare",
                dataset=lambda w: w.dataset,
                size=number("size"),
                channels=lambda w: SIZES[w.dataset, int(w.size)],
            )
        ),
        raw=rules.fetch.output,
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
    """What a frozen trunk makes of the images of a dataset, once for all jobs that learn from it."""
    input:
        settings=settings(
            job(
                "activations",
                dataset=lambda w: w.dataset,
                size=number("size"),
                channels=lambda w: SIZES[w.dataset, int(w.size)],
                trunk=lambda w: w.trunk,
            )
        ),
        images=rules.prepare.output,
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
        mem_mb=8000,
        runtime=60,
    shell:
        "python -m jointnn activations {input.settings} > {log} 2>&1"
