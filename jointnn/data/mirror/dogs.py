"""Dogs: Imagewoof, ten breeds of ImageNet."""

from jointnn.data.download import DOWNLOADS, OfficialFile, obtain
from jointnn.data.mirror import folder
from jointnn.data.mirror.recipe import Recipe, as_jpeg, evenly, fitted
from jointnn.data.official_formats import tar_files
from jointnn.data.source import Images, Splits

# The sum is that of Catalyst's loader.
DOGS = [
    OfficialFile(
        "imagewoof2-160.tgz",
        "https://s3.amazonaws.com/fast-ai-imageclas/imagewoof2-160.tgz",
        "3d200a7be99704a0d7509be2a9fbfe15",
    )
]
BREEDS = [
    "n02086240.Shih-Tzu", "n02087394.Rhodesian_ridgeback", "n02088364.beagle", "n02089973.English_foxhound",
    "n02093754.Border_terrier", "n02096294.Australian_terrier", "n02099601.golden_retriever",
    "n02105641.Old_English_sheepdog", "n02111889.Samoyed", "n02115641.dingo",
]  # fmt: skip
SPLITS = {"train": 100, "val": 70}
SIZE = 96


@folder
def dogs() -> Recipe:
    """Return the recipe of Imagewoof: 100 training images per breed; 70 validation images for the test."""
    return Recipe(
        "Imagewoof, 160 pixels, of fast.ai", "non-commercial research (images of ImageNet)", _read
    )


def _read() -> Splits:
    (file,) = DOGS
    archive = obtain(file, DOWNLOADS / "dogs")
    photos = tar_files(archive, (".JPEG",))
    label_of = {breed.partition(".")[0]: label for label, breed in enumerate(BREEDS)}
    splits = []
    for split, most in SPLITS.items():
        images = Images()
        for path in sorted(photos):
            _, side, breed, _ = path.split("/")
            if side == split:
                images.add(photos[path], label_of[breed], path, f"{archive}: {path}")
        splits.append(as_jpeg(evenly(images, most), lambda image, _: fitted(image, SIZE), 90))
    return Splits(splits[0], splits[1], BREEDS)
