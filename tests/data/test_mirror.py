"""Each folder of the mirror from small files in its source's format: rows, labels, names and pixels."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from helpers import mirror as sources
from helpers.dataset import MIRROR, ROOT, decoded, write
from helpers.fine_grained import DOWNLOADS, archive, mat
from helpers.fine_grained import place as place_fine_grained
from helpers.mirror import BLUE, GREEN, RED, framed, place

from jointnn.__main__ import main
from jointnn.data.images import encode_png
from jointnn.data.mirror import (
    birds,
    completion8,
    dogs,
    faces,
    folder,
    official_splits,
    pedestrians,
    street_characters,
)
from jointnn.data.mirror.recipe import apart, as_jpeg, as_png, evenly, numbered
from jointnn.data.mirror.sums import known, mirror_parquet, pixel_digest
from jointnn.data.parquet import from_parquet
from jointnn.data.source import Images, Splits
from jointnn.data.sources import stanford_cars
from jointnn.errors import UserError
from jointnn.io.files import sha256_of_file
from jointnn.stages.tools.mirror import build

COLOURS = np.array([GREEN, RED, BLUE])


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("JOINTNN_MIRROR", raising=False)


def built(name: str) -> Splits:
    """Return the files that the command writes, read again. Building them twice gives equal bytes."""
    told = list(build(name, Path("mirror")))
    first = [Path(f"mirror/{name}/{split}.parquet").read_bytes() for split in ("train", "test")]
    assert [*build(name, Path("again"))] == [line.replace("mirror/", "again/", 1) for line in told]
    assert first == [Path(f"again/{name}/{split}.parquet").read_bytes() for split in ("train", "test")]
    assert all("nobody has stated yet what comes out here" in line for line in told)
    (train, classes), (test, same) = (from_parquet(content, name) for content in first)
    assert classes is not None and classes == same
    return Splits(train, test, classes)


def colours_of(images: Images) -> list[int]:
    """Which of the three colours each picture is all of, within what a JPEG changes; -1 of none."""
    away = np.abs(decoded(images)[:, None].astype(int) - COLOURS[:, None, None]).max((2, 3, 4))
    return [int(row.argmin()) if row.min() <= 6 else -1 for row in away]


def plain(colour: tuple, width: int = 30, height: int = 20) -> bytes:
    return framed(colour, width, height, (0, 0, width, height))


# --- what all have in common ---


def labelled(*labels: int) -> Images:
    images = Images()
    for i, label in enumerate(labels):
        images.add(encode_png(np.full((4, 4), i, np.uint8)), label, f"{i}", "")
    return images


def test_images_are_taken_evenly_of_each_class_and_every_nth_of_a_class_goes_to_the_test():
    images = labelled(0, 1, 0, 1, 0, 1, 0, 0)
    assert evenly(images, 2).names == ["1", "2", "5", "6"]
    assert evenly(images, 9) == images
    assert [side.names for side in apart(images, 3)] == [["0", "1", "2", "3", "6", "7"], ["4", "5"]]


def test_a_recipe_for_every_folder_and_its_sums_stand_in_the_documentation():
    text = (ROOT / "docs/data.md").read_text(encoding="utf-8")
    told = re.findall(r"^([0-9a-f]{64})  (\w+)/(\w+)\.parquet$", text, re.MULTILINE)
    assert told == [
        (sums.sha256, name, split) for name, of in known().items() for split, sums in of.items()
    ]
    assert set(folder.load()) == set(known())
    for name, of in known().items():
        assert f"| `{name}` |" in text.split("**Building it.**")[1]
        assert (of["train"].built is None) is (of["test"].built is None)


@pytest.mark.slow
@pytest.mark.skipif(not (MIRROR / "usps").is_dir(), reason=f"no mirror with usps at {MIRROR}")
def test_pixels_of_the_mirror_give_its_very_file():
    sums, content = known()["usps"]["test"], (MIRROR / "usps/test.parquet").read_bytes()
    images, classes = from_parquet(content, "usps")
    plainly = Images(
        [encode_png(digit) for digit in decoded(images)], images.labels, images.names, images.places
    )
    made = mirror_parquet(numbered(as_png(plainly), "test", "png"), classes)
    assert pixel_digest(made, "made") == sums.pixels
    assert made == content or b"parquet-cpp-arrow version 25.0.1" not in made


@pytest.mark.slow
@pytest.mark.skipif(not (MIRROR / "birds").is_dir(), reason=f"no mirror with birds at {MIRROR}")
def test_the_files_here_are_known_by_their_sums(capsys):
    assert main(["mirror", "--check", str(MIRROR)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 * len(known())
    assert all(line.endswith((", the file of the results pages.", ": missing")) for line in lines)
    for name, of in known().items():
        for split, sums in of.items():
            if (file := MIRROR / name / f"{split}.parquet").is_file():
                assert file.stat().st_size == sums.bytes


def test_the_command_lists_builds_and_refuses_in_a_sentence(capsys, monkeypatch):
    assert main(["mirror"]) == 0
    listed = capsys.readouterr().out
    assert [line.split()[0] for line in listed.splitlines()] == sorted(folder.load())
    assert main(["mirror", "brids"]) == 1
    assert "No folder of the mirror is named 'brids'; did you mean 'birds'?" in capsys.readouterr().err
    assert main(["mirror", "pedestrians"]) == 1
    assert "INRIAPerson.tar is missing: INRIA Person, once at" in capsys.readouterr().err
    assert main(["mirror", "--check", "nothing", "birds"]) == 0
    assert capsys.readouterr().out.splitlines()[0] == "nothing/birds/train.parquet: missing"
    # A mirror that holds the set is not what it is built from.
    monkeypatch.setenv("JOINTNN_MIRROR", "old")
    write("old/cars/train.parquet", b"")
    assert main(["mirror", "cars"]) == 1
    assert "the official address of Stanford Cars" in capsys.readouterr().err


def test_a_sum_that_somebody_stated_is_compared_and_so_are_files_that_lie_there(monkeypatch, capsys):
    monkeypatch.setattr(official_splits, "of_source", lambda _: official(labelled(1, 0), labelled(1)))
    list(build("cifar10", Path("mirror")))
    sums = known()["cifar10"]
    stated = {split: sha256_of_file(f"mirror/cifar10/{split}.parquet") for split in sums}
    entry = {split: replace(sums[split], built=found) for split, found in stated.items()}
    monkeypatch.setitem(known(), "cifar10", entry)
    assert all(
        "as it must be: not the file of the results pages" in line for line in build("cifar10", Path("b"))
    )
    monkeypatch.setitem(
        known(), "cifar10", {split: replace(of, built="0" * 64) for split, of in entry.items()}
    )
    main(["mirror", "--check", "mirror", "cifar10"])
    assert f"train.parquet: SHA-256 {stated['train']}: another file.\n" in capsys.readouterr().out
    pixels = pixel_digest(Path("mirror/cifar10/train.parquet").read_bytes(), "made")
    monkeypatch.setitem(known()["cifar10"], "train", replace(entry["train"], built=None, pixels=pixels))
    main(["mirror", "--check", "mirror", "cifar10"])
    assert "the images of the results pages, otherwise encoded" in capsys.readouterr().out.splitlines()[0]


# --- official splits ---


def official(*splits: Images) -> Splits:
    return Splits(splits[0], splits[1], ["0", "1"])


@pytest.mark.slow
def test_mnist_is_all_of_the_official_images_and_another_file_is_refused(monkeypatch):
    monkeypatch.setattr(official_splits, "of_source", lambda _: official(labelled(1, 0), labelled(1)))
    splits = folder["mnist"]().read()
    assert (splits.train.names, splits.test.names) == (
        ["train-00000.png", "train-00001.png"],
        ["test-00000.png"],
    )
    assert (splits.train.labels, decoded(splits.train)[:, 0, 0].tolist()) == ([1, 0], [0, 1])
    with pytest.raises(UserError, match=r"would have the SHA-256 \w+, not db92876.*Nothing was written"):
        list(build("mnist", Path("mirror")))
    assert not Path("mirror").exists()


@pytest.mark.slow
def test_usps_is_read_from_its_text_and_brightness_is_rounded(monkeypatch):
    digits = np.full((2, 16, 16), -1.0)
    digits[0, 0, 7:10] = -0.631, 0.862, -0.167
    digits[1, 0, :4] = 0.307, 1, 0, -0.992
    place(
        official_splits, "USPS", "usps", monkeypatch,
        sources.libsvm(digits, [6, 5]), sources.libsvm(digits[1:], [9]),
    )  # fmt: skip
    splits = built("usps")
    assert (splits.train.labels, splits.test.labels, splits.classes[6]) == ([6, 5], [9], "6")
    pixels = decoded(splits.train)
    assert pixels[0, 0, 6:11].tolist() == [0, 47, 237, 106, 0]
    assert pixels[1, 0, :5].tolist() == [167, 255, 128, 1, 0]


def test_cifar10_is_all_of_the_official_images_as_jpegs(monkeypatch):
    images = labelled(1, 0)
    images.content[:] = [plain(RED, 32, 32), plain(BLUE, 32, 32)]
    monkeypatch.setattr(official_splits, "of_source", lambda _: official(images, labelled(1)))
    splits = built("cifar10")
    assert (splits.train.names[1], splits.train.labels) == ("train-00001.jpg", [1, 0])
    assert colours_of(splits.train) == [1, 2]
    assert decoded(splits.test).tolist() == np.zeros((1, 4, 4, 3)).tolist()


@pytest.mark.skipif(not (MIRROR / "cifar10").is_dir(), reason=f"no mirror with cifar10 at {MIRROR}")
def test_jpegs_of_the_mirrors_cifar10_are_encoded_as_ours(monkeypatch):
    images, _ = from_parquet((MIRROR / "cifar10/test.parquet").read_bytes(), "cifar10")
    some = images.take(range(200))
    again = as_jpeg(some, lambda image, _: image, 75, optimize=False)
    same = sum(a == b for a, b in zip(some.content, again.content, strict=True))
    # Few change when they are encoded again, for then pixels are rounded a second time.
    assert same > 100


# --- photos ---


@pytest.mark.slow
def test_birds_are_the_first_fifty_kinds_cut_to_the_square_around_their_box(monkeypatch):
    place(birds, "BIRDS", "birds", monkeypatch, *sources.birds_of_2010(51))
    splits = built("birds")
    assert (splits.classes[0], splits.classes[-1]) == ("001.Kind_1", "050.Kind_50")
    assert splits.train.labels == splits.test.labels == [*range(50)]
    assert decoded(splits.train).shape == (50, 96, 96, 3)
    assert set(colours_of(splits.train)) == {0}
    above, below = decoded(splits.test)[0][:24], decoded(splits.test)[0][36:]
    assert above.max() <= 6, "black where the photo ends"
    assert np.abs(below.astype(int) - GREEN).max() <= 6


def test_dogs_are_the_breeds_of_imagewoof_and_its_validation_is_the_test(monkeypatch):
    wide = framed(RED, 60, 20, (20, 0, 40, 20))
    photos = {}
    for breed in dogs.BREEDS:
        key = breed.partition(".")[0]
        photos |= {f"imagewoof2-160/train/{key}/n{i}.JPEG": wide for i in range(3)}
        photos[f"imagewoof2-160/val/{key}/n9.JPEG"] = plain(BLUE, 20, 20)
    monkeypatch.setattr(dogs, "SPLITS", {"train": 2, "val": 70})
    place(dogs, "DOGS", "dogs", monkeypatch, archive(photos, "w:gz"))
    splits = built("dogs")
    assert splits.classes == dogs.BREEDS
    assert splits.train.labels == [label for label in range(10) for _ in range(2)]
    assert splits.train.names[:2] == [f"imagewoof2-160/train/n02086240/n{i}.JPEG" for i in (0, 2)]
    assert (set(colours_of(splits.train)), set(colours_of(splits.test))) == ({1}, {2})


def place_flowers(monkeypatch, labels: list[int]) -> None:
    """Flower k of `labels`, from 1, is green if its number is odd, else red."""
    photos = {f"jpg/image_{i:05d}.jpg": plain(GREEN if i % 2 else RED) for i in range(1, len(labels) + 1)}
    numbers = np.arange(1, len(labels) + 1)
    ids = mat(trnid=numbers[:1][None], valid=numbers[1:2][None], tstid=numbers[:1:-1][None])
    place_fine_grained(
        "flowers_102", monkeypatch, archive(photos, "w:gz"), mat(labels=np.array([labels], np.uint8)), ids
    )


@pytest.mark.slow
def test_flowers_of_fifty_kinds_are_split_by_their_numbers(monkeypatch):
    place_flowers(monkeypatch, [2, 2, 2, 55, 1, 8, 102])
    splits = built("flowers")
    assert (len(splits.classes), splits.classes[0], splits.classes[-1]) == (
        50,
        "002.hard-leaved_pocket_orchid",
        "055.pelargonium",
    )
    assert "012.colt's_foot" in splits.classes
    assert (splits.train.labels, splits.test.labels) == ([0, 0, 49], [0])
    assert (colours_of(splits.train), colours_of(splits.test)) == ([0, 1, 1], [0])


@pytest.mark.skipif(not (MIRROR / "flowers").is_dir(), reason=f"no mirror with flowers at {MIRROR}")
def test_kinds_of_flowers_and_breeds_are_named_as_in_the_mirror(monkeypatch):
    place_flowers(monkeypatch, [2, 2, 2])
    for name, classes in (("flowers", folder["flowers"]().read().classes), ("dogs", dogs.BREEDS)):
        assert from_parquet((MIRROR / f"{name}/test.parquet").read_bytes(), name)[1] == classes


def place_cars(monkeypatch, count: int, classes: list[str], label_of) -> None:
    sources.cars(count, classes, label_of)
    monkeypatch.setattr(stanford_cars, "IMAGES", {"cars_train": count, "cars_test": 1})


def test_cars_are_cut_to_their_box_and_every_third_is_for_the_test(monkeypatch):
    models = [f"Model {k} Sedan 2012" for k in range(51)]
    place_cars(monkeypatch, 7, models, lambda i: 50 if i == 7 else (i - 1) // 3)
    splits = built("cars")
    assert splits.classes == models[:50]
    assert (splits.train.labels, splits.test.labels) == ([0, 0, 1, 1], [0, 1])
    assert splits.test.names == ["00003.jpg", "00006.jpg"]
    assert set(colours_of(splits.train) + colours_of(splits.test)) == {0}
    assert decoded(splits.train).shape == (4, 96, 96, 3)


def place_aircraft(monkeypatch, variants: list[str], each: int) -> None:
    """Blue squares with a banner at their lower edge."""
    root, files = "fgvc-aircraft-2013b/data", {}
    lists: dict[str, list[str]] = {"trainval": [], "test": []}
    for k, variant in enumerate(variants):
        for i in range(each):
            number = f"{k:03d}{i:04d}"
            files[f"{root}/images/{number}.jpg"] = framed(BLUE, 30, 50, (0, 0, 30, 30))
            lists["test" if i == each - 1 else "trainval"].append(f"{number} {variant}\n")
    files[f"{root}/variants.txt"] = "".join(f"{name}\n" for name in variants)
    files |= {f"{root}/images_variant_{split}.txt": "".join(lines) for split, lines in lists.items()}
    place_fine_grained("fgvc_aircraft", monkeypatch, archive(files, "w:gz"))


def test_aircraft_are_thirty_variants_without_the_banner(monkeypatch):
    variants = [f"A{k}" for k in range(31)]
    place_aircraft(monkeypatch, variants, each=2)
    splits = built("aircraft")
    assert (splits.classes, splits.train.labels, splits.test.labels) == (
        variants[:30],
        [*range(30)],
        [*range(30)],
    )
    assert set(colours_of(splits.train)) == {2}


def test_the_completion_set_takes_as_many_of_each_kind_from_sets_that_are_published(monkeypatch):
    monkeypatch.setattr(completion8, "COUNT", 6)
    birds_files = {f"CUB_200_2011/images/001.B/{i}.jpg": plain(RED) for i in range(8)}
    birds_files["CUB_200_2011/classes.txt"] = "1 001.B\n"
    birds_files["CUB_200_2011/images.txt"] = "".join(f"{i + 1} 001.B/{i}.jpg\n" for i in range(8))
    birds_files["CUB_200_2011/image_class_labels.txt"] = "".join(f"{i + 1} 1\n" for i in range(8))
    birds_files["CUB_200_2011/train_test_split.txt"] = "".join(f"{i + 1} {i % 2}\n" for i in range(8))
    place_fine_grained("cub_200_2011", monkeypatch, archive(birds_files, "w:gz"))
    listed = [np.array([[f"n1-a/{i}.jpg"] for i in part], object) for part in (range(5), range(5, 8))]
    lists = {
        f"{split}_list.mat": mat(file_list=paths, labels=np.ones((len(paths), 1)))
        for split, paths in zip(("train", "test"), listed, strict=True)
    }
    photos = archive({f"Images/n1-a/{i}.jpg": plain(BLUE) for i in range(8)}, "w")
    place_fine_grained("stanford_dogs", monkeypatch, photos, archive(lists, "w"))
    place_flowers(monkeypatch, [1] * 7)
    models = ["Ford F-150 Regular Cab 2012", "BMW M3 Coupe 2012", "BMW 3 Series Cabriolet 2012"]
    place_cars(monkeypatch, 15, models, lambda i: i % 3 if i < 15 else 0)
    place_aircraft(monkeypatch, ["737-200", "A320-x", "Cessna 172", "F-16A/B", "Tornado"], each=3)
    write(f"{DOWNLOADS}/imagenet/n02114367.tar", archive({f"n{i}.JPEG": plain(RED) for i in range(6)}, "w"))
    with pytest.raises(UserError, match="completion8 needs 6 photos of the class car, but found 5"):
        list(build("completion8", Path("mirror")))
    place_cars(monkeypatch, 18, models, lambda i: i % 3)
    splits = built("completion8")
    assert splits.classes == completion8.NAMES
    assert splits.train.labels == [label for label in range(8) for _ in range(5)]
    assert splits.test.labels == [*range(8)]
    assert decoded(splits.train).shape == (40, 64, 64, 3)
    flowers = [0, 1, 0, 0, 1]
    assert colours_of(splits.train) == [1] * 5 + [2] * 5 + [1] * 5 + flowers + [0] * 10 + [2] * 10


def test_faces_are_cut_to_the_middle_and_no_person_is_on_both_sides(monkeypatch):
    face = framed(GREEN, 250, 250, (61, 61, 189, 189))
    pictures = {f"lfw-deepfunneled/P{k}/P{k}_000{i}.jpg": face for k in range(8) for i in (1, 2)}
    monkeypatch.setattr(faces, "MOST", {"train": 7, "test": 800})
    place(faces, "FACES", "faces", monkeypatch, archive(pictures, "w:gz"))
    splits = built("faces")
    assert splits.classes == [f"P{k}" for k in range(8)]
    assert splits.test.labels == [6, 6]
    assert (len(splits.train), 6 in splits.train.labels) == (7, False)
    assert set(colours_of(splits.train)) == {0}
    assert decoded(splits.train).shape == (7, 64, 64, 3)


def test_pedestrians_lose_their_margin_and_a_person_and_the_mirror_image_stay_together(monkeypatch):
    people, random = {}, np.random.default_rng(0)
    for i in range(5):
        blocks = random.integers(0, 256, (20, 12, 1), np.uint8).repeat(3, 2)
        one = np.repeat(np.repeat(blocks, 8, 0), 8, 1)
        people[f"{pedestrians.INSIDE}crop{i}a.png"] = encode_png(one)
        people[f"{pedestrians.INSIDE}person{i}.png"] = encode_png(np.ascontiguousarray(one[:, ::-1]))
    people["INRIAPerson/Test/pos/other.png"] = plain(RED)
    with pytest.raises(UserError, match=r"INRIAPerson\.tar is missing"):
        folder["pedestrians"]().read()
    write(str(pedestrians.ARCHIVE), archive(people, "w"))
    with pytest.raises(UserError, match=r"holds 10 pictures in .* instead of 2416"):
        folder["pedestrians"]().read()
    monkeypatch.setattr(pedestrians, "COUNT", 10)
    monkeypatch.setattr(pedestrians, "TEST_PICTURES", 2)
    splits = built("pedestrians")
    assert (splits.classes, len(splits.train), len(splits.test)) == (["person"], 6, 4)
    assert [Path(name).stem for name in splits.test.names] == ["crop1a", "crop3a", "person1", "person3"]
    whole = Images(
        [people[name] for name in splits.train.names], splits.train.labels, splits.train.names, [""] * 6
    )
    away = decoded(splits.train).astype(int) - decoded(whole)[:, 16:-16, 16:-16]
    assert away.shape == (6, 128, 64, 3)
    assert np.abs(away).max() <= 6


def test_dresses_are_those_of_the_table_seen_whole_on_white():
    header = (
        "id,gender,masterCategory,subCategory,articleType,baseColour,season,year,usage,productDisplayName\n"
    )
    rows = [
        f"{i},Women,Apparel,Dress,Dresses,{'Black' if i > 7 else 'Blue'},Fall,2011,Casual,A\n"
        for i in range(1, 9)
    ]
    rows += ["9,Women,Apparel,Dress,Dresses,Blue,Fall,2011,Casual,Without, a photo\n"]
    rows += ["10,Men,Apparel,Topwear,Shirts,Black,Fall,2011,Casual,A\n"]
    root = f"{DOWNLOADS}/dresses"
    write(f"{root}/styles.csv", header + "".join(reversed(rows)))
    for i in (*range(1, 9), 10):
        write(f"{root}/images/{i}.jpg", plain(RED, 60, 80))
    splits = built("dresses")
    assert splits.classes == ["dress_other_colour", "dress_black"]
    assert (splits.train.names, splits.test.names) == (
        [f"{i}.jpg" for i in (1, 2, 3, 4, 5, 6, 8)],
        ["7.jpg"],
    )
    assert splits.train.labels == [0] * 6 + [1]
    picture = decoded(splits.test)[0]
    assert picture.shape == (64, 64, 3)
    assert picture[:, :4].min() > 240 and picture[:, -4:].min() > 240, "white beside"
    assert np.abs(picture[2:-2, 16:-16].astype(int) - RED).max() <= 8
    write(f"{root}/styles.csv", "id,price\n1,2\n")
    with pytest.raises(UserError, match=r"styles\.csv has no column 'articleType'"):
        folder["dresses"]().read()


def test_street_characters_are_the_photos_of_both_folders_and_never_masks(monkeypatch):
    photos = {}
    for side, count in (("GoodImg", 4), ("BadImag", 1)):
        for i in range(count):
            at = f"English/Img/{side}"
            photos[f"{at}/Bmp/Sample011/img011-0000{i}.png"] = plain(
                BLUE if side == "BadImag" else RED, 9, 30
            )
            photos[f"{at}/Msk/Sample011/img011-0000{i}.png"] = plain(GREEN)
    place(street_characters, "CHARACTERS", "street_characters", monkeypatch, archive(photos, "w:gz"))
    splits = built("street_characters")
    assert (len(splits.classes), splits.classes[10], splits.classes[61]) == (62, "A", "z")
    assert (splits.train.labels, splits.test.labels) == ([10] * 4, [10])
    assert (colours_of(splits.train), colours_of(splits.test)) == ([2, 1, 1, 1], [1])
    assert decoded(splits.train).shape == (4, 32, 32, 3)
