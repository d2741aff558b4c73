"""Five sets of photos with classes that differ in detail, as their authors split them (Table 4)."""

from pathlib import Path, PurePosixPath

from jointnn.data.bounds import counted_classes
from jointnn.data.download import OfficialFile
from jointnn.data.official_files import official
from jointnn.data.official_formats import (
    REPLACE,
    Listed,
    gather,
    lines_of,
    needed,
    pairs_of,
    read_mat,
    tar_files,
    whole_number,
)
from jointnn.data.schema import DatasetParams
from jointnn.data.source import Source, Splits, accept
from jointnn.data.sources import dataset
from jointnn.errors import UserError

# The sums of CUB and Dogs are those that TensorFlow Datasets checks; those of Flowers are torchvision's;
# that of Aircraft is its authors', from their page.
CUB = [
    OfficialFile(
        "CUB_200_2011.tgz",
        "https://data.caltech.edu/records/65de6-vp158/files/CUB_200_2011.tgz?download=1",
        "0c685df5597a8b24909f6a7c9db6d11e008733779a671760afef78feb49bf081",
    )
]
DOGS = [
    OfficialFile(
        "images.tar",
        "http://vision.stanford.edu/aditya86/ImageNetDogs/images.tar",
        "a443fc2f9a851aa1a7b8e4fa4af94b8459fce2c9f5a2f4dd4669cf9673a4ec58",
    ),
    OfficialFile(
        "lists.tar",
        "http://vision.stanford.edu/aditya86/ImageNetDogs/lists.tar",
        "34b47cacd9a98b5d150e084f24d29391c084c55272295ec65c85651bc35f4d6c",
    ),
]
FLOWERS = [
    OfficialFile(name, f"https://www.robots.ox.ac.uk/~vgg/data/flowers/102/{name}", checksum)
    for name, checksum in (
        ("102flowers.tgz", "52808999861908f626f3c1f4e79d11fa"),
        ("imagelabels.mat", "e0620be6f572b9609742df49c70aed4d"),
        ("setid.mat", "a5357ecc9cb78c4bef273ce3793fc85c"),
    )
]
AIRCRAFT = [
    OfficialFile(
        "fgvc-aircraft-2013b.tar.gz",
        "https://www.robots.ox.ac.uk/~vgg/data/fgvc-aircraft/archives/fgvc-aircraft-2013b.tar.gz",
        "d4acdd33327262359767eeaa97a4f732",
    )
]


@dataset
def cub_200_2011(params: DatasetParams) -> Source:
    """Return the source of CUB-200-2011: 5994 + 5794 photos of 200 kinds of birds, official split."""
    accept(params)
    return official("cub_200_2011", "CUB-200-2011", "non-commercial research and education", CUB, _read_cub)


@dataset
def stanford_dogs(params: DatasetParams) -> Source:
    """Return the source of Stanford Dogs: 12000 + 8580 photos of 120 breeds, official split.

    They are images of ImageNet.
    """
    accept(params)
    licence = "non-commercial research (images of ImageNet)"
    return official("stanford_dogs", "Stanford Dogs", licence, DOGS, _read_dogs, ("scipy",))


@dataset
def flowers_102(params: DatasetParams) -> Source:
    """Return the source of Flowers-102: 2040 + 6149 photos of 102 kinds of flowers, official split.

    Its official training and validation images, 1020 each, are one: validation is drawn per seed.
    """
    accept(params)
    packages = ("scipy", "torchvision")
    return official("flowers_102", "Oxford Flowers-102", "none stated", FLOWERS, _read_flowers, packages)


@dataset
def fgvc_aircraft(params: DatasetParams) -> Source:
    """Return the source of FGVC-Aircraft: 6667 + 3333 photos of 100 variants.

    The official split is trainval and test.
    """
    accept(params)
    return official("fgvc_aircraft", "FGVC-Aircraft", "non-commercial research", AIRCRAFT, _read_aircraft)


def _read_cub(folder: Path) -> Splits:
    """Return all images of CUB, by its lists of images, classes, splits and names of classes."""
    archive = folder / "CUB_200_2011.tgz"
    files = tar_files(archive, (".txt", ".jpg"))

    def table(name: str) -> dict[str, tuple[str, str]]:
        content = needed(files, f"CUB_200_2011/{name}", archive)
        return {key: (value, place) for place, key, value in pairs_of(content, f"{archive}: {name}")}

    labels, sides = table("image_class_labels.txt"), table("train_test_split.txt")
    train: list[Listed] = []
    test: list[Listed] = []
    for key, (image, place) in table("images.txt").items():
        for name, lines in (("image_class_labels.txt", labels), ("train_test_split.txt", sides)):
            if key not in lines:
                raise UserError(f"{place}: image {key} has no line in {name}. {REPLACE}")
        side, where = sides[key]
        if side not in ("0", "1"):
            raise UserError(f"{where}: {side!r} is neither 1, for training, nor 0, for the test. {REPLACE}")
        label = whole_number(*labels[key]) - 1
        listed = Listed(f"CUB_200_2011/images/{image}", label, place)
        (train if side == "1" else test).append(listed)
    classes = [name for name, _ in table("classes.txt").values()]
    return Splits(gather(train, files.get, archive), gather(test, files.get, archive), classes)


def _read_dogs(folder: Path) -> Splits:
    """Return all images of Stanford Dogs, by its MATLAB lists. Folders give the names of the classes."""
    lists, archive = folder / "lists.tar", folder / "images.tar"
    files = tar_files(lists, (".mat",))
    names: dict[int, str] = {}
    splits: dict[str, list[Listed]] = {"train_list.mat": [], "test_list.mat": []}
    for name, listed in splits.items():
        where = f"{lists}: {name}"
        images, labels = read_mat(needed(files, name, lists), where, "file_list", "labels")
        if len(images) != len(labels):
            raise UserError(f"{where} has {len(images)} images, but {len(labels)} labels. {REPLACE}")
        for number, (image, label) in enumerate(zip(images.tolist(), labels.tolist(), strict=True), 1):
            place = f"{where}, image {number}"
            listed.append(Listed(f"Images/{image}", whole_number(label, place) - 1, place))
            breed = PurePosixPath(str(image)).parts[0]
            if names.setdefault(listed[-1].label, breed) != breed:
                raise UserError(
                    f"{place}: {image} has the label {label}, as {names[listed[-1].label]} has. {REPLACE}"
                )
    known = counted_classes(list(names), [str(lists)] * len(names), None) if names else []
    classes = [names.get(label, f"class {label + 1}") for label in range(len(known))]
    photos = tar_files(archive, (".jpg",))
    train, test = (gather(listed, photos.get, archive) for listed in splits.values())
    return Splits(train, test, classes)


def _read_flowers(folder: Path) -> Splits:
    """Return all images of Flowers-102, by its MATLAB files of labels and of the numbers of each split."""
    from torchvision.datasets import Flowers102

    archive, ids = folder / "102flowers.tgz", folder / "setid.mat"
    known = folder / "imagelabels.mat"
    (labels,) = read_mat(known.read_bytes(), str(known), "labels")
    splits = read_mat(ids.read_bytes(), str(ids), "trnid", "valid", "tstid")
    listed: list[list[Listed]] = []
    for name, numbers in zip(("trnid", "valid", "tstid"), splits, strict=True):
        listed.append([])
        for value in numbers.tolist():
            place = f"{ids}: {name}"
            number = whole_number(value, place)
            if not 1 <= number <= len(labels):
                raise UserError(f"{place} names image {number}, but {known} has {len(labels)}. {REPLACE}")
            label = whole_number(labels[number - 1], f"{known}, image {number}") - 1
            listed[-1].append(Listed(f"jpg/image_{number:05d}.jpg", label, place))
    photos = tar_files(archive, (".jpg",))
    train = gather(listed[0] + listed[1], photos.get, archive)
    return Splits(train, gather(listed[2], photos.get, archive), list(Flowers102.classes))


def _read_aircraft(folder: Path) -> Splits:
    """Return all images of FGVC-Aircraft, by a list per split: the number of an image and its variant."""
    archive, root = folder / "fgvc-aircraft-2013b.tar.gz", "fgvc-aircraft-2013b/data"
    files = tar_files(archive, (".txt", ".jpg"))
    variants = needed(files, f"{root}/variants.txt", archive)
    classes = [line for _, line in lines_of(variants, f"{archive}: variants.txt")]
    label_of = {name: label for label, name in enumerate(classes)}
    splits = []
    for split in ("trainval", "test"):
        name, listed = f"images_variant_{split}.txt", []
        content = needed(files, f"{root}/{name}", archive)
        for place, number, variant in pairs_of(content, f"{archive}: {name}"):
            if variant not in label_of:
                raise UserError(f"{place}: {variant!r} is not in variants.txt. {REPLACE}")
            listed.append(Listed(f"{root}/images/{number}.jpg", label_of[variant], place))
        splits.append(gather(listed, files.get, archive))
    return Splits(splits[0], splits[1], classes)
