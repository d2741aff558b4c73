"""Names of folders and files, and the splits that they say: training, test, validation; or classes."""

import re
from collections import Counter
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from jointnn.data.class_names import letters
from jointnn.data.left_out import LeftOut
from jointnn.errors import UserError, unreadable

WORDS = {
    "train": ("train", "training"),
    "validation": ("validation", "valid", "val", "dev"),
    "test": ("test", "testing", "eval", "evaluation"),
}
"""Names of a split, in letters of any case: those that the Hugging Face Hub knows."""
_SPLIT_OF = {word: split for split, words in WORDS.items() for word in words}
_ALIKE = {
    "train": (
        *("trn", "trainings"),
        *("entrainement", "entraînement", "apprentissage", "entrenamiento", "addestramento", "treino"),
        *("treinamento", "opleiding", "обучение", "训练", "训练集", "訓練", "学習"),
    ),
    "validation": ("vali", "valids", "validierung", "validierungs", "validación", "validacion"),
    "test": (
        *("tst", "tests", "holdout", "heldout", "unseen", "query", "prüf", "prüfung"),
        *("prueba", "pruebas", "prova", "teste", "essai", "тест", "测试", "测试集", "測試", "テスト"),
    ),
}
_SPLIT_ALIKE = _SPLIT_OF | {word: split for split, words in _ALIKE.items() for word in words}
"""Words that tell of a split in the name of a folder, which is then asked about."""
_ALIKE_BESIDE = {
    **{"tr": "train", "ts": "test", "te": "test", "va": "validation"},
    **{"hold": "test", "held": "test", "learning": "train"},
}
"""The same beside another word alone, as in imagesTr and held_out: by themselves they are other things."""
_OF_IMAGES = frozenset(
    (
        *("set", "sets", "data", "dataset", "images", "image", "img", "imgs", "photos", "pictures", "pics"),
        *("split", "folder", "dir", "samples", "daten", "datensatz", "bilder", "fotos", "menge", "my"),
        *("the", "new", "out", "final", "full", "all", "of", "for", "cropped", "resized", "small"),
        *("jpg", "png"),
    )
)
"""Words of such a name that say nothing of what is on the images."""
_ENDINGS_ALIKE = tuple(
    f"{joint}{word}"
    for word in sorted(_OF_IMAGES, key=len, reverse=True)
    if len(word) > 2
    for joint in ("s", "")
)
OF_ALL = ("images", "image", "img", "imgs", "jpegimages", "pngimages", "photos", "pictures", "rgb")
BESIDE = (
    *("labels", "annotations", "label", "annotation", "xmls", "bboxes", "boxes", "ann", "anns", "annots"),
    *("masks", "mask", "segmentation", "segmentations", "segmentationclass", "segmentationobject"),
    *("gt", "groundtruth", "ground_truth", "imagesets", "meta"),
)
"""Folders of all images, and those beside them that hold, in files or pictures, more about each image."""
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
        raise unreadable(folder, error) from error
    for path in inside:
        if path.suffix.lower() == ending and not path.name.startswith("."):
            name = path.stem.partition("-")[0] if pieces else path.stem
            found.setdefault(split_of(name), []).append(path)
    return found


@dataclass(frozen=True)
class SplitFolders:
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

    @property
    def is_around(self) -> bool:
        """Return whether its images lie in folders of it, all or most of them."""
        return 2 * len(self.own) <= self.images and bool(self.filled)


def arrangement(
    path: Path,
    images: Iterable[str],
    folders: Iterable[str],
    left_out: LeftOut,
    meant: Collection[str] = (),
) -> SplitFolders:
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
        return SplitFolders("")
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
    return SplitFolders(f"{found['train']}/", f"{found['test']}/", validation and f"{validation}/")


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
    are_flat = all(folder.own and not folder.filled for folder in (*named, *others))
    # Of two folders nobody can tell: learn beside test may be its training images.
    if are_flat and (len(others) > 1 or (others and told.keys() == {"validation"})):
        return None
    lacks = "test" if "train" in told else "train"
    raise UserError(
        f"{path / lacks} is missing: {path} holds {' and '.join(sorted(told.values()))}, half of a split. "
        f"{_to_complete(path, root, told, lacks)}{_or_classes(told, others)}."
        f"\n{tree(path, root)}\n{EXPECTED}"
    )


def _or_classes(told: dict[str, str], others: Collection[_Folder]) -> str:
    """Return what is to be done if what looks like half of a split is a class beside others."""
    (name, *_) = told.values()
    return f"; or, if {name} is a class, name the classes with `classes`" if others else ""


def _to_complete(path: Path, root: _Folder, told: dict[str, str], lacks: str) -> str:
    """Return what is to be done where a folder holds the splits `told` and lacks one."""
    is_folder = path.is_dir()
    advice = f"Add {path / lacks}" if is_folder else f"Pack it again with {lacks}/"
    alike = [name for name in sorted(root.filled) if _split_alike(name)[0] == lacks]
    if len(alike) == 1:
        return f"{advice}, or rename {alike[0]} to {lacks} if that is what it is"
    if lacks == "test" and "validation" in told:
        return f"{advice}, or rename {told['validation']} to test if those are the images to report on"
    if lacks == "test" and root.folders[told["train"]].filled and len(root.folders) == 1:
        first = (
            f"name {path / told['train']} as `path`, and"
            if is_folder
            else f"pack the folders in {told['train']}/ without it, and say"
        )
        advice += f"; or, if they are to be split, {first} with `pool` how many are not for the test"
    return advice


def _check_classes(path: Path, root: _Folder, top: _Folder, prefix: str, meant: Collection[str]) -> None:
    """Refuse folders that are no classes: that lie around classes, or hold the same folders again."""
    shown_tree = f"{tree(path, root)}\n{EXPECTED}"
    if top.own:
        count = len(top.own) - 1
        others = f", nor do{'es' * (count == 1)} {count} other{'s' * (count > 1)}" if count else ""
        raise UserError(
            f"{path / top.own[0]} lies in no class folder{others}. Move it into the folder of its class."
            f"\n{shown_tree}"
        )
    classes = top.filled
    if any(letters(name) in meant for name in classes):
        return
    if not prefix and (alike := _like_splits(classes)):
        raise UserError(
            f"{path} holds {_listed(alike)}, which look like splits and are none by their "
            f"names. {_renamed(alike, classes)}; or, if they are classes, name them with "
            f"`classes`.\n{shown_tree}"
        )
    _check_boxes(path, top, prefix, shown_tree)
    # One picture beside the classes, as an overview of them, makes no class of the folder around them.
    around = {name: folder for name, folder in classes.items() if folder.is_around}
    if not around:
        return
    below = {name for folder in around.values() for name in folder.filled}
    split_inside = next(
        (name for name, folder in around.items() if _holds_splits(folder, at_least=1 + _is_mixed(classes))),
        None,
    )
    if split_inside is not None:
        if len(classes) == 1 and not prefix:
            raise UserError(
                f"{path} is the folder around {split_inside}/. "
                f"{_name_inner(path, split_inside)}\n{shown_tree}"
            )
        raise UserError(
            f"{path / prefix / split_inside} holds the folders of a split, which lie outside of the "
            f"classes. Move images from <class>/train to train/<class>.\n{shown_tree}"
        )
    if len(classes) == 1:
        (inner,) = classes
        raise UserError(
            f"{path / prefix} holds {inner} alone, and that holds {_folders(len(below))}: which are the "
            f"classes? {_name_inner(path, inner, prefix)} If {inner} is the one class, say so with "
            f"`classes: [{inner}]`.\n{shown_tree}"
        )
    again = Counter(name for folder in around.values() for name in folder.filled)
    if max(again.values()) > 1:
        listed = ", ".join(sorted(classes)[:SHOWN]) + (", ..." if len(classes) > SHOWN else "")
        renamed = "" if prefix else "rename the outer ones to train and test, or "
        raise UserError(
            f"{path / prefix} holds folders ({listed}) that hold the same folders again "
            f"({again.most_common(1)[0][0]}): which are the classes? If the outer ones are, name them with "
            f"`classes`; if the inner ones are, {renamed}move images together.\n{shown_tree}"
        )


def _is_mixed(classes: dict[str, _Folder]) -> bool:
    """Return whether images lie directly in some of the folders: they may be classes with folders."""
    return any(folder.own for folder in classes.values())


def _holds_splits(folder: _Folder, at_least: int) -> bool:
    return len({split for name in folder.filled if (split := split_of(name))}) >= at_least


def _check_boxes(path: Path, top: _Folder, prefix: str, shown_tree: str) -> None:
    """Refuse images/ beside labels/ or masks/: there, no image says its class by its folder."""
    small = {name: name.casefold() for name in sorted(top.folders)}
    images = [name for name in small if small[name] in OF_ALL and name in top.filled]
    beside = [name for name in small if small[name] in BESIDE]
    if len(images) == 1 and beside and len(small) == 1 + len(beside):
        raise UserError(
            f"{path / prefix} holds {images[0]}/ with all images and {_listed(beside)} beside it, as for "
            "detection or segmentation: boxes, masks and labels in files of their own are not read. Put "
            "each image into the folder of its class, or write a list with a line `path label` for each "
            "(source: list_file); or, if they are classes, name them with `classes`."
            f"\n{shown_tree}"
        )


def _listed(names: Collection[str]) -> str:
    ordered = sorted(names)
    more = [f"{len(ordered) - SHOWN} more"] if len(ordered) > SHOWN else []
    return " and ".join([", ".join(ordered[:SHOWN]), *more]) if more else " and ".join(ordered)


def _renamed(alike: Collection[str], classes: dict[str, _Folder]) -> str:
    advice = "Rename them to train and test"
    if any(classes[name].filled for name in alike):
        return advice
    return f"{advice} and put their images into a folder for each class: train/<class>/, test/<class>/"


def _name_inner(path: Path, inner: str, prefix: str = "") -> str:
    if path.is_dir() and not prefix:
        return f"Name {path / inner} as `path` if its folders are the ones to take."
    return f"Take the folder {inner} away, and leave what is in it."


def _like_splits(classes: dict[str, _Folder]) -> list[str]:
    """Return the folders that look like splits: as train_images and test_images, or trainset and holdout.

    A class may have such a word in its name (test tube, passenger train). So two splits are asked for, and
    that their names be alike in all else: bounding_box_train and bounding_box_test. One is enough where it
    says nothing else, and holds folders: train_images/<class>/.
    """
    alike = {name: _split_alike(name) for name in classes}
    said = {name: of for name, of in alike.items() if of[0]}
    rests = [rest for _, rest in said.values()]
    are_named = len(set(rests)) == len(rests) and all(rests)  # train station, test site
    if len(said) == len(classes) and len({split for split, _ in said.values()}) > 1 and not are_named:
        return sorted(said)
    of_rest: dict[str, list[str]] = {}
    for name, (_, rest) in said.items():
        of_rest.setdefault(rest, []).append(name)
    for rest, names in of_rest.items():
        if len({said[name][0] for name in names}) > 1 or (
            not rest and any(classes[name].is_around and not split_of(name) for name in names)
        ):
            return sorted(names)
    return []


def _split_alike(name: str) -> tuple[str, str]:
    """Return which split a name tells of, or nothing, and what else it says: ("train", "bounding box").

    Numbers, single letters and words for images in general say nothing: trainA, train2017, my_train_images.
    """
    # trainImages and imagesTr are two words each.
    parted = re.sub(r"(?<=[^\W\d_A-Z])(?=[A-Z])", " ", letters(name))
    words = [word.casefold() for word in re.split(r"[\W_\d]+", parted) if word]
    split, rest = "", []
    for word in words:
        found = _SPLIT_ALIKE.get(_without_ending(word), "") or (
            _ALIKE_BESIDE.get(word, "") if len(words) > 1 else ""
        )
        if found and not split:
            split = found
        elif len(word) > 1 and word not in _OF_IMAGES:
            rest.append(word)
    return split, " ".join(rest)


def _without_ending(word: str) -> str:
    """Return a word without a word for images at its end: train of trainset and Trainingsdaten."""
    for ending in _ENDINGS_ALIKE:
        if word.endswith(ending) and word.removesuffix(ending) in _SPLIT_ALIKE:
            return word.removesuffix(ending)
    return word


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
