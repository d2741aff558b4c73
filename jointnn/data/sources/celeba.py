"""CelebA by torchvision's loader: placed by hand, since its address gives a file only now and then."""

from dataclasses import replace
from pathlib import Path

from jointnn.data.download import DOWNLOADS
from jointnn.data.official_formats import Listed, gather
from jointnn.data.schema import DatasetParams
from jointnn.data.source import Images, Source, Splits, accept
from jointnn.data.sources import dataset
from jointnn.data.sources.parquet_files import held_by_mirror, source_in_mirror
from jointnn.errors import UserError

FOLDER = DOWNLOADS / "celeba"
PHOTOS = FOLDER / "img_align_celeba"
LICENCE = "non-commercial research"
# As torchvision states them. Kept here too, so that freshness is decided without importing torch.
CELEBA_MD5 = {
    "list_attr_celeba.txt": "75e246fa4810816ffd6ee81facbd244c",
    "identity_CelebA.txt": "32bd1bd63d3c78cd57e08160ec5ed1e2",
    "list_bbox_celeba.txt": "00566efa6fedff7a56946cd1c10f1c16",
    "list_landmarks_align_celeba.txt": "cc24ecafdb5b50baae59b03474781f8c",
    "list_eval_partition.txt": "d32c9cbf5e040fd4025c592c306e6668",
}


@dataset
def celeba(params: DatasetParams) -> Source:
    """Return the source of CelebA: 182637 + 19962 aligned faces of 178 x 218 pixels, official split.

    Its official training and validation images are one: validation is drawn per seed. The label is an
    attribute, 0 or 1, if one is named; else all are one class.
    """
    accept(params, "attribute")
    if mirror := held_by_mirror("celeba"):
        held = source_in_mirror(mirror, "celeba", LICENCE)
        return held if params.attribute is None else replace(held, read=lambda: _refuse(params.attribute))
    return Source(
        files=tuple(FOLDER / name for name in CELEBA_MD5),
        root=DOWNLOADS,
        origin="CelebA, the official files placed by hand",
        licence=LICENCE,
        read=lambda: _read(params.attribute),
        packages=("torchvision",),
        checksums=CELEBA_MD5,
    )


def _refuse(attribute: str | None) -> Splits:
    """Refuse to read an attribute where the mirror holds celeba.

    It is refused on reading only: a dataset may name an attribute that no experiment asks for.
    """
    raise UserError(
        f"attribute: {attribute!r} is read from the official files, but the mirror holds a "
        "celeba with labels of its own. Leave the line out, or take that folder out of the mirror."
    )


def _read(attribute: str | None) -> Splits:
    classes = ["face"] if attribute is None else [f"not {attribute}", attribute]
    train, valid, test = (_photos_of(split, attribute) for split in ("train", "valid", "test"))
    return Splits(_photos([*train, *valid]), _photos(test), classes)


def _photos_of(split: str, attribute: str | None) -> list[Listed]:
    """Return the photos of an official split, with their labels."""
    from torchvision.datasets import CelebA

    try:
        official = CelebA(DOWNLOADS, split=split, target_type="attr", download=False)
    except RuntimeError as error:
        raise UserError(
            f"CelebA is not in {FOLDER}, or one of its lists is not the official file. Place there the "
            f"folder img_align_celeba with the photos (000001.jpg, ...) and the lists "
            f"{', '.join(CELEBA_MD5)} from http://mmlab.ie.cuhk.edu.hk/projects/CelebA.html."
        ) from error
    names = [name for name in official.attr_names if name]
    if attribute is None:
        labels = [0] * len(official)
    elif attribute in names:
        labels = official.attr[:, names.index(attribute)].tolist()
    else:
        raise UserError(f"CelebA has no attribute {attribute!r}. Its attributes: {', '.join(names)}.")
    place = FOLDER / "list_eval_partition.txt"
    return [Listed(name, label, str(place)) for name, label in zip(official.filename, labels, strict=True)]


def _photos(listed: list[Listed]) -> Images:
    def content_of(name: str) -> bytes | None:
        path: Path = PHOTOS / name
        return path.read_bytes() if path.is_file() else None

    return gather(listed, content_of, PHOTOS)
