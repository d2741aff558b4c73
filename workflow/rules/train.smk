"""Training: the start of a seed, methods in one job, and methods whose L2 start and rounds are jobs."""


rule initialise:
    """The start of a seed, the same parameters for every network: the common one, or a method's."""
    input:
        settings=settings("initialise"),
        before=before("initialise"),
    output:
        state="runs/{experiment}/s{seed}/start{own}/state.safetensors",
        record="runs/{experiment}/s{seed}/start{own}/settings.json",
    log:
        "logs/{experiment}/s{seed}/start{own}.log",
    benchmark:
        "logs/{experiment}/s{seed}/start{own}.tsv"
    conda:
        "../envs/jointnn.yaml"
    resources:
        mem_mb=2000,
        runtime=10,
    shell:
        "python -m jointnn initialise {input.settings} > {log} 2>&1"


rule l2:
    """The L2 start (5) of a method with rounds: training under weights of 1."""
    input:
        settings=settings("l2"),
        before=before("l2"),
    output:
        state="runs/{experiment}/s{seed}/{method}/l2/state.safetensors",
        history="runs/{experiment}/s{seed}/{method}/l2/history.csv",
        test_history="runs/{experiment}/s{seed}/{method}/l2/test_history.csv",
        distances="runs/{experiment}/s{seed}/{method}/l2/distances.json",
        record="runs/{experiment}/s{seed}/{method}/l2/settings.json",
    log:
        "logs/{experiment}/s{seed}/{method}/l2.log",
    benchmark:
        "logs/{experiment}/s{seed}/{method}/l2.tsv"
    conda:
        "../envs/jointnn.yaml"
    threads: cores("l2")
    resources:
        **tasks("l2"),
        gpu=gpus("l2"),
        mem_mb=8000,
        runtime=720,
    shell:
        "python -m jointnn train {input.settings} > {log} 2>&1"


rule split_halves:
    """Two halves of every dataset under the L2 start of a method: by how much networks differ by chance."""
    input:
        settings=settings("split_halves"),
        before=before("split_halves"),
    output:
        ratios="runs/{experiment}/s{seed}/{method}/halves/ratios.json",
        distances="runs/{experiment}/s{seed}/{method}/halves/distances.json",
        history="runs/{experiment}/s{seed}/{method}/halves/history.csv",
        record="runs/{experiment}/s{seed}/{method}/halves/settings.json",
    log:
        "logs/{experiment}/s{seed}/{method}/halves.log",
    benchmark:
        "logs/{experiment}/s{seed}/{method}/halves.tsv"
    conda:
        "../envs/jointnn.yaml"
    threads: cores("split_halves")
    resources:
        **tasks("split_halves"),
        gpu=gpus("split_halves"),
        mem_mb=8000,
        runtime=720,
    shell:
        "python -m jointnn split_halves {input.settings} > {log} 2>&1"


rule trial:
    """The first IRLS round under one of the scales that `scale: trials` compares on validation."""
    input:
        settings=settings("trial"),
        before=before("trial"),
    output:
        result="runs/{experiment}/s{seed}/{method}/trial_{number}/validation.json",
        record="runs/{experiment}/s{seed}/{method}/trial_{number}/settings.json",
    log:
        "logs/{experiment}/s{seed}/{method}/trial_{number}.log",
    benchmark:
        "logs/{experiment}/s{seed}/{method}/trial_{number}.tsv"
    conda:
        "../envs/jointnn.yaml"
    threads: cores("trial")
    resources:
        **tasks("trial"),
        gpu=gpus("trial"),
        mem_mb=8000,
        runtime=720,
    shell:
        "python -m jointnn trial {input.settings} > {log} 2>&1"


rule sigma:
    """The scale of each block, 4.2.1, from the distances at the L2 start, of halves, or by trials."""
    input:
        settings=settings("sigma"),
        before=before("sigma"),
    output:
        sigma="runs/{experiment}/s{seed}/{method}/sigma.json",
        record="runs/{experiment}/s{seed}/{method}/sigma.settings.json",
    log:
        "logs/{experiment}/s{seed}/{method}/sigma.log",
    benchmark:
        "logs/{experiment}/s{seed}/{method}/sigma.tsv"
    # A second of work on small tables: never a submission to a cluster.
    localrule: True
    conda:
        "../envs/jointnn.yaml"
    resources:
        mem_mb=1000,
        runtime=10,
    shell:
        "python -m jointnn sigma {input.settings} > {log} 2>&1"


rule irls:
    """One IRLS round: weights (7) from the networks before it, then training with them."""
    input:
        settings=settings("irls"),
        before=before("irls"),
    output:
        state="runs/{experiment}/s{seed}/{method}/round_{number}/state.safetensors",
        weights="runs/{experiment}/s{seed}/{method}/round_{number}/weights.json",
        history="runs/{experiment}/s{seed}/{method}/round_{number}/history.csv",
        test_history="runs/{experiment}/s{seed}/{method}/round_{number}/test_history.csv",
        distances="runs/{experiment}/s{seed}/{method}/round_{number}/distances.json",
        record="runs/{experiment}/s{seed}/{method}/round_{number}/settings.json",
    log:
        "logs/{experiment}/s{seed}/{method}/round_{number}.log",
    benchmark:
        "logs/{experiment}/s{seed}/{method}/round_{number}.tsv"
    conda:
        "../envs/jointnn.yaml"
    threads: cores("irls")
    resources:
        **tasks("irls"),
        gpu=gpus("irls"),
        mem_mb=8000,
        runtime=720,
    shell:
        "python -m jointnn train {input.settings} > {log} 2>&1"


rule train:
    """A method in one job, from the start to the end of its budget."""
    input:
        settings=settings("train"),
        before=before("train"),
    output:
        state="runs/{experiment}/s{seed}/{method}/state.safetensors",
        history="runs/{experiment}/s{seed}/{method}/history.csv",
        test_history="runs/{experiment}/s{seed}/{method}/test_history.csv",
        distances="runs/{experiment}/s{seed}/{method}/distances.json",
        record="runs/{experiment}/s{seed}/{method}/settings.json",
    log:
        "logs/{experiment}/s{seed}/{method}.log",
    benchmark:
        "logs/{experiment}/s{seed}/{method}.tsv"
    conda:
        "../envs/jointnn.yaml"
    threads: cores("train")
    resources:
        **tasks("train"),
        gpu=gpus("train"),
        mem_mb=8000,
        runtime=720,
    shell:
        "python -m jointnn train {input.settings} > {log} 2>&1"
