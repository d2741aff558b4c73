"""Names of folders and files, and the splits that they say: training, test, validation; or classes."""

import re
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from jointnn.data.class_names import letters
from jointnn.data.left_out import LeftOut
from jointnn.errors import UserError

WORDS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing", "eval", "evaluation"),
}
"""Names of a split, in letters of any case: those that the Hugging Face Hub knows."""
_SPLIT_OF = {word: split for split, words in WORDS.items() for word in words}
LEVELS, SHOWN = 3, 6
"""Levels of a tree of folders that are shown, and folders of each."""
EXPECTED = (
    "Expected: train/<class>/*.jpg and test/<class>/*.jpg; or <class>/*.jpg alone, and `pool` says how "
    "many images are not for the test."
)


def split_of(name: str) -> str:
    """Return the split that the name of a folder or file says: train, validation or test; else ""."""
    return _SPLIT_OF.get(name.casefold(), "")


def files_of_splits(folder: Path, ending: str, *, pieces: bool = False) -> dict[str, list[Path]]:
    """Return the files of a folder with this ending, sorted, by the split of their names.

    Under "" are the others.

    Args:
        pieces: a name may go on after that of the split: train-00000-of-00002.

    Raises:
        UserError: the folder cannot be read.
    """
    found: dict[str, list[Path]] = {}
    try:
        inside = sorted(folder.iterdir()) if folder.is_dir() else []
    except OSError as error:
        raise UserError(
            f"{folder} could not be read: {error.strerror}. Give yourself the right to read it."
        ) from error
    for path in inside:
        if path.suffix.lower() == ending and not path.name.startswith("."):
            name = path.stem.partition("-")[0] if pieces else path.stem
            found.setdefault(split_of(name), []).append(path)
    return found


@dataclass(frozen=True)
class Found:
    """The folders of one split each, with a slash at the end, or "" of images without a split.

    Attributes:
        train: that of the training images.
        test: that of the test images; None where there is no split.
        validation: that of validation images, which join those for training.
    """

    train: str
    test: str | None = None
    validation: str | None = None


@dataclass
class _Folder:
    """A folder: the images that lie directly in it, how many there are in all, and its folders."""

    own: list[str] = field(default_factory=list)
    images: int = 0
    folders: dict[str, "_Folder"] = field(default_factory=dict)

    def below(self, parts: Iterable[str], images: int) -> "_Folder":
        """Return the folder at a path below this one; add `images` to the counts on the way."""
        self.images += images
        folder = self
        for part in parts:
            folder = folder.folders.setdefault(part, _Folder())
            folder.images += images
        return folder

    @property
    def filled(self) -> dict[str, "_Folder"]:
        """Return the inner folders that hold images, by name."""
        return {name: folder for name, folder in self.folders.items() if folder.images}


def arrangement(
    path: Path,
    images: Iterable[str],
    folders: Iterable[str],
    left_out: LeftOut,
    meant: Collection[str] = (),
) -> Found:
    """Return the folders of the splits of a dataset; in each is a folder per class.

    Args:
        path: the folder or archive, for messages.
        images: their paths below it: "train/cat/1.png".
        folders: paths of folders, also of those without images.
        left_out: the counts, to which images beside the splits are added.
        meant: names of classes that parameters give; what they name is a class, whatever is below it.

    Raises:
        UserError: the folders are anything else than classes, or splits of classes.
    """
    names = list(images)
    root = _Folder()
    for name in folders:
        root.below(PurePosixPath(name).parts, 0)
    for name in names:
        root.below(PurePosixPath(name).parts[:-1], 1).own.append(name)
    if not names:
        raise UserError(_no_image(path, root, left_out))
    found = _splits(path, root, meant)
    if found is None:
        _check_classes(path, root, root, "", meant)
        return Found("")
    sides = [found["train"], found["test"], *([found["validation"]] if "validation" in found else [])]
    for side in sides:
        _check_classes(path, root, root.folders[side], f"{side}/", meant)
    beside = Counter(PurePosixPath(name).parts[0] for name in names if PurePosixPath(name).parts[1:])
    for name, count in beside.items():
        if name not in sides:
            first = next(image for image in names if image.startswith(f"{name}/"))
            left_out.add(f"in {name}/", "a folder beside the splits that is none by its name", first, count)
    for name in names:
        if "/" not in name:
            left_out.add(PurePosixPath(name).suffix.lower(), "beside the folders of the splits", name)
    validation = found.get("validation")
    return Found(f"{found['train']}/", f"{found['test']}/", validation and f"{validation}/")


def _splits(path: Path, root: _Folder, meant: Collection[str]) -> dict[str, str] | None:
    """Return the folder of each split, by split; None where the folders are classes."""
    found: dict[str, list[str]] = {}
    for name in sorted(root.folders):
        if (split := split_of(name)) and letters(name) not in meant:
            found.setdefault(split, []).append(name)
    for split, names in found.items():
        if len(names) > 1:
            raise UserError(
                f"{path} holds {' and '.join(names)}, and each of them is the {split} split by its name. "
                f"Keep one of them.\n{tree(path, root)}"
            )
    told = {split: names[0] for split, names in found.items()}
    if not told or {"train", "test"} <= told.keys():
        return told or None
    named = [root.folders[name] for name in told.values()]
    others = [folder for name, folder in root.filled.items() if name not in told.values()]
    # A class can be named train, as in bus, car, train, or valid beside invalid.
    if others and all(folder.own and not folder.filled for folder in (*named, *others)):
        return None
    lacks = "test" if "train" in told else "train"
    advice = f"Add {path / lacks}"
    if lacks == "test" and "validation" in told:
        advice += f", or rename {told['validation']} to test if those are the images to report on"
    elif lacks == "test" and root.folders[told["train"]].filled and len(root.folders) == 1:
        advice += (
            f"; or, if they are to be split, name {path / told['train']} as `path`, and with `pool` how "
            "many are not for the test"
        )
    raise UserError(
        f"{path / lacks} is missing: {path} holds {' and '.join(sorted(told.values()))}, half of a split. "
        f"{advice}.\n{tree(path, root)}\n{EXPECTED}"
    )


def _check_classes(path: Path, root: _Folder, top: _Folder, prefix: str, meant: Collection[str]) -> None:
    """Refuse folders that are no classes: that lie around classes, or hold the same folders again."""
    shown = f"{tree(path, root)}\n{EXPECTED}"
    if top.own:
        count = len(top.own) - 1
        others = f", nor do{'es' * (count == 1)} {count} other{'s' * (count > 1)}" if count else ""
        raise UserError(
            f"{path / top.own[0]} lies in no class folder{others}. Move it into the folder of its class."
            f"\n{shown}"
        )
    classes = top.filled
    if any(letters(name) in meant for name in classes):
        return
    if not prefix and _are_like_splits(classes):
        raise UserError(
            f"{path} holds {' and '.join(sorted(classes))}, which look like splits and are none by their "
            f"names. Rename them to train and test; or, if they are classes, name them with `classes`."
            f"\n{shown}"
        )
    if any(folder.own for folder in classes.values()):
        return
    below = {name for folder in classes.values() for name in folder.filled}
    if not below:
        return
    if any(map(split_of, below)):
        inner = next(name for name, folder in classes.items() if any(map(split_of, folder.filled)))
        if len(classes) == 1 and not prefix:
            raise UserError(f"{path} is the folder around {inner}/. {_name_inner(path, inner)}\n{shown}")
        raise UserError(
            f"{path / prefix / inner} holds the folders of a split, which lie outside of the classes. Move "
            f"images from <class>/train to train/<class>.\n{shown}"
        )
    if len(classes) == 1:
        (inner,) = classes
        raise UserError(
            f"{path / prefix} holds {inner} alone, and that holds {_folders(len(below))}: which are the "
            f"classes? {_name_inner(path, inner, prefix)} If {inner} is the one class, say so with "
            f"`classes: [{inner}]`.\n{shown}"
        )
    again = Counter(name for folder in classes.values() for name in folder.filled)
    if max(again.values()) > 1:
        listed = ", ".join(sorted(classes)[:SHOWN]) + (", ..." if len(classes) > SHOWN else "")
        raise UserError(
            f"{path / prefix} holds folders ({listed}) that hold the same folders again "
            f"({again.most_common(1)[0][0]}): which are the classes? If the outer ones are, name them with "
            f"`classes`; if the inner ones are, rename the outer ones to train and test, or move images "
            f"together.\n{shown}"
        )


def _name_inner(path: Path, inner: str, prefix: str = "") -> str:
    if path.is_dir() and not prefix:
        return f"Name {path / inner} as `path` if its folders are the ones to take."
    return f"Take the folder {inner} away, and leave what is in it."


def _are_like_splits(names: Collection[str]) -> bool:
    """Return whether each name holds the word of a split, as train_images, not all of the same one."""
    words = (map(split_of, re.split(r"[\W_\d]+", name)) for name in names)
    splits = [next(filter(None, of), "") for of in words]
    return all(splits) and len(set(splits)) > 1


def _no_image(path: Path, root: _Folder, left_out: LeftOut) -> str:
    if left_out:
        return f"{path} holds no image. What it holds: {left_out}.\n{EXPECTED}"
    if root.folders:
        return f"{path} holds no image, only empty folders.\n{tree(path, root)}\n{EXPECTED}"
    return f"{path} is empty. {EXPECTED}"


def tree(path: Path, root: _Folder) -> str:
    """Return lines for a message: the folders below one, three levels, with their numbers of images."""

    def lines(name: str, folder: _Folder, depth: int) -> list[str]:
        found = [f"{'  ' * depth}{name}: {_images(folder.images)}"]
        inner = sorted(folder.folders)
        if depth == LEVELS or not inner:
            return found
        for each in inner[:SHOWN]:
            found += lines(f"{each}/", folder.folders[each], depth + 1)
        more = len(inner) - SHOWN
        return [*found, f"{'  ' * (depth + 1)}and {_folders(more)} more"] if more > 0 else found

    return "\n".join(["Found:", *(f"  {line}" for line in lines(str(path), root, 0))])


def _folders(count: int) -> str:
    return f"{count} folder{'' if count == 1 else 's'}"


def _images(count: int) -> str:
    return f"{count} image{'' if count == 1 else 's'}"
