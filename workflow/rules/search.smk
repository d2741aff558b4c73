"""The search of hyper-parameters on tuning seeds. No rule here takes a test split as input."""


use rule initialise as initialise_search with:
    # The same for a tuning seed, in a folder of its own.
    input:
        settings=settings("search_start"),
        before=before("search_start"),
    output:
        state="search/{experiment}/s{seed}/start{own}/state.safetensors",
        record="search/{experiment}/s{seed}/start{own}/settings.json",
    log:
        "logs/{experiment}/search/s{seed}/start{own}.log",
    benchmark:
        "logs/{experiment}/search/s{seed}/start{own}.tsv"


rule attempt:
    """One point of a method's grid, on a tuning seed."""
    input:
        settings=settings("attempt"),
        before=before("attempt"),
    output:
        point="search/{experiment}/s{seed}/{method}/point_{point}.json",
        record="search/{experiment}/s{seed}/{method}/point_{point}.settings.json",
    log:
        "logs/{experiment}/search/s{seed}/{method}_{point}.log",
    benchmark:
        "logs/{experiment}/search/s{seed}/{method}_{point}.tsv"
    conda:
        "../envs/jointnn.yaml"
    threads: cores("attempt")
    resources:
        **tasks("attempt"),
        gpu=gpus("attempt"),
        mem_mb=8000,
        runtime=720,
    shell:
        "python -m jointnn attempt {input.settings} > {log} 2>&1"


rule choose:
    """The best point of each method, and the whole grid."""
    input:
        settings=settings("choose"),
        before=before("choose"),
    output:
        grid="search/{experiment}/grid.csv",
        choice="search/{experiment}/choice.yaml",
        record="search/{experiment}/settings.json",
    log:
        "logs/{experiment}/search/choose.log",
    benchmark:
        "logs/{experiment}/search/choose.tsv"
    conda:
        "../envs/jointnn.yaml"
    resources:
        mem_mb=1000,
        runtime=10,
    shell:
        "python -m jointnn choose {input.settings} > {log} 2>&1"
