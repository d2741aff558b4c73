"""Birds: CUB-200, the edition of 2010, cut to the bird."""

from PIL import Image

from jointnn.data.download import DOWNLOADS, OfficialFile, obtain
from jointnn.data.mirror import folder
from jointnn.data.mirror.recipe import Recipe, as_jpeg, fitted
from jointnn.data.official_formats import REPLACE, Listed, gather, lines_of, needed, read_mat, tar_files
from jointnn.data.source import Images, Splits
from jointnn.errors import UserError

# Files and sums are those of TensorFlow Datasets; `confirm` lets large ones come without a question.
BIRDS = [
    OfficialFile(
        name, f"https://drive.usercontent.google.com/download?id={key}&export=download&confirm=t", checksum
    )
    for name, key, checksum in (
        (
            "images.tgz",
            "1GDr1OkoXdhaXWGA8S3MAq3a522Tak-nx",
            "2a6d2246bbb9778ca03aa94e2e683ccb4f8821a36b7f235c0822e659d60a803e",
        ),
        (
            "lists.tgz",
            "1vZuZPqha0JjmwkdaS_XtYryE3Jf5Q1AC",
            "aeacbd5e3539ae84ea726e8a266a9a119c18f055cd80f3836d5eb4500b005428",
        ),
        (
            "annotations.tgz",
            "16NsbTpMs5L6hT4hUJAmpW2u7wH326WTR",
            "c17b7841c21a66aa44ba8fe92369cc95dfc998946081828b1d7b8a4b716805c1",
        ),
    )
]
FOLDER = DOWNLOADS / "birds"
CLASSES, SIZE = 50, 96
AROUND = 1.2
"""Side of the square in sides of the bird's box: our estimate from pictures."""


@folder
def birds() -> Recipe:
    """Return the recipe of CUB-200 of 2010: its first 50 classes, 15 training images of each.

    Training and test images are those of the set's own lists.
    """
    return Recipe(
        "CUB-200, the edition of 2010: images, lists, annotations",
        "non-commercial research and education",
        _read,
    )


def _read() -> Splits:
    archive, lists, boxes = (obtain(file, FOLDER) for file in BIRDS)
    texts = tar_files(lists, (".txt",))
    listed = {
        split: list(lines_of(needed(texts, f"lists/{split}.txt", lists), f"{lists}: {split}.txt"))
        for split in ("train", "test")
    }
    named = sorted({line.partition("/")[0] for lines in listed.values() for _, line in lines})[:CLASSES]
    photos, annotated = tar_files(archive, (".jpg",)), tar_files(boxes, (".mat",))

    def cut(image: Image.Image, name: str) -> Image.Image:
        path = name.replace("images/", "annotations-mat/", 1).removesuffix(".jpg") + ".mat"
        left, top, right, bottom = _box(needed(annotated, path, boxes), f"{boxes}: {path}")
        half = AROUND * max(right - left, bottom - top) / 2
        x, y = (left + right) / 2, (top + bottom) / 2
        # What lies outside of the photo becomes black.
        return fitted(
            image.crop((round(x - half), round(y - half), round(x + half), round(y + half))), SIZE
        )

    splits: dict[str, Images] = {}
    for split, lines in listed.items():
        chosen = [
            Listed(f"images/{line}", named.index(line.partition("/")[0]), place)
            for place, line in lines
            if line.partition("/")[0] in named
        ]
        splits[split] = as_jpeg(gather(chosen, photos.get, archive), cut, 90)
    return Splits(splits["train"], splits["test"], named)


def _box(content: bytes, where: str) -> tuple[float, float, float, float]:
    """Return the box of a bird: left, top, right and bottom, in pixels."""
    (box,) = read_mat(content, where, "bbox")
    fields = ("left", "top", "right", "bottom")
    if missing := sorted(set(fields) - set(box.dtype.names or ())):
        raise UserError(f"{where}: `bbox` has no {missing[0]!r}. {REPLACE}")
    left, top, right, bottom = (float(box[name][0]) for name in fields)
    return left, top, right, bottom
