"""Stanford Cars, which nobody offers for download any more: placed by hand, as torchvision expects it."""

from pathlib import Path

from jointnn.data.download import DOWNLOADS
from jointnn.data.official_formats import REPLACE, Listed, gather, read_mat, whole_number
from jointnn.data.schema import DatasetParams
from jointnn.data.source import Images, Source, Splits, accept
from jointnn.data.sources import dataset
from jointnn.data.sources.parquet_files import held_by_mirror, source_in_mirror
from jointnn.errors import UserError

FOLDER = DOWNLOADS / "stanford_cars"
NAMES = FOLDER / "devkit" / "cars_meta.mat"
LISTS = {
    "cars_train": FOLDER / "devkit" / "cars_train_annos.mat",
    "cars_test": FOLDER / "cars_test_annos_withlabels.mat",
}
# Copies go about of which nobody states a sum: at least they must be complete.
IMAGES = {"cars_train": 8144, "cars_test": 8041}


@dataset
def stanford_cars(params: DatasetParams) -> Source:
    """Return the source of Stanford Cars: 8144 + 8041 photos of 196 models, official split.

    The files are placed by hand.
    """
    accept(params)
    if mirror := held_by_mirror("stanford_cars"):
        return source_in_mirror(mirror, "stanford_cars", "none stated")
    photos = sorted(photo for split in LISTS for photo in (FOLDER / split).glob("*.jpg"))
    return Source(
        files=(NAMES, *LISTS.values(), *photos),
        root=DOWNLOADS,
        origin="Stanford Cars, the official files placed by hand",
        licence="none stated",
        read=_read,
        packages=("scipy",),
    )


def _read() -> Splits:
    for path in (NAMES, *LISTS.values(), *(FOLDER / split for split in LISTS)):
        if not path.exists():
            raise UserError(_how_to_place(path))
    (classes,) = read_mat(NAMES.read_bytes(), str(NAMES), "class_names")
    train, test = (_read_split(split) for split in LISTS)
    return Splits(train, test, [str(name) for name in classes])


def _how_to_place(missing: Path) -> str:
    return (
        f"{missing} is missing, and the official address of Stanford Cars is dead. Place a copy in "
        f"{FOLDER}: the folders cars_train and cars_test with the {IMAGES['cars_train']} and "
        f"{IMAGES['cars_test']} photos (00001.jpg, ...) directly in them, and the MATLAB files "
        "devkit/cars_meta.mat, devkit/cars_train_annos.mat and cars_test_annos_withlabels.mat; or set "
        "JOINTNN_MIRROR to a folder that holds stanford_cars/train.parquet and stanford_cars/test.parquet."
    )


def _read_split(split: str) -> Images:
    """Return the images of a split, by its MATLAB list: a structure per image, with its file and class."""
    where, folder = LISTS[split], FOLDER / split
    (rows,) = read_mat(where.read_bytes(), str(where), "annotations")
    fields = rows.dtype.names or ()
    for field in ("fname", "class"):
        if field not in fields:
            known = ", ".join(fields) or "none"
            raise UserError(f"{where}: `annotations` has no field {field!r}; it has {known}. {REPLACE}")
    if len(rows) != IMAGES[split]:
        raise UserError(f"{where} lists {len(rows)} images instead of {IMAGES[split]}. {REPLACE}")
    listed = []
    for number, row in enumerate(rows, 1):
        place = f"{where}, image {number}"
        listed.append(Listed(Path(str(row["fname"])).name, whole_number(row["class"], place) - 1, place))

    def content_of(name: str) -> bytes | None:
        return (folder / name).read_bytes() if (folder / name).is_file() else None

    return gather(listed, content_of, folder)
