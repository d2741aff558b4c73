"""Which folders and files are splits and which are classes: never guessed, right labels or a refusal."""

import zipfile
from pathlib import Path

import pytest
from helpers.dataset import parquet, picture, pixels, read, refused, write

from jointnn.data.digests import source_digest
from jointnn.data.left_out import LeftOut
from jointnn.data.schema import DatasetParams
from jointnn.data.source import source_of
from jointnn.data.structure import WORDS, arrangement, split_of
from jointnn.errors import UserError


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("JOINTNN_MIRROR", raising=False)


def fill(root: str, *folders: str, start: int = 0) -> None:
    """Two pictures in each folder, of values that count on from `start`."""
    for k, folder in enumerate(folders):
        for i in range(2):
            write(f"{root}/{folder}/{i}.png", picture(start + 2 * k + i))


def found(*images: str, folders: tuple[str, ...] = (), meant: tuple[str, ...] = ()):
    return arrangement(Path("own"), images, folders, LeftOut(), meant)


def refusal(*images: str, **more) -> str:
    with pytest.raises(UserError) as error:
        found(*images, **more)
    return str(error.value)


# --- words for splits ---


@pytest.mark.parametrize("train", WORDS["train"])
@pytest.mark.parametrize("test", WORDS["test"])
@pytest.mark.parametrize("case", [str, str.upper, str.title])
def test_splits_are_known_by_their_usual_names_in_letters_of_any_case(train, test, case):
    split = found(f"{case(train)}/cat/1.png", f"{case(test)}/dog/1.png")
    assert (split.train, split.test) == (f"{case(train)}/", f"{case(test)}/")


def test_labels_and_pixels_are_those_of_the_usual_spelling():
    fill("usual", "train/cat", "train/dog", "test/cat", "test/dog")
    fill("other", "Training/cat", "Training/dog", "TEST/cat", "TEST/dog")
    fields = {"source": "class_folders"}
    usual, other = read(path="usual", **fields), read(path="other", **fields)
    for ours, theirs in zip(usual[:2], other[:2], strict=True):
        assert (ours.labels, pixels(ours)) == (theirs.labels, pixels(theirs))
    assert pixels(usual[0]) == [0, 1, 2, 3] and usual[2] == other[2] == ["cat", "dog"]


@pytest.mark.parametrize("name", WORDS["validation"])
def test_validation_images_join_those_for_training_and_never_the_test(name):
    fill("own", "train/cat", "train/dog", "test/cat", "test/dog")
    fill("own", f"{name}/dog", f"{name}/cat", start=50)
    train, test, _ = read(source="class_folders", path="own")
    assert (train.labels, pixels(train)) == ([0, 0, 1, 1, 0, 0, 1, 1], [0, 1, 2, 3, 52, 53, 50, 51])
    assert pixels(test) == [4, 5, 6, 7]
    assert source_of(DatasetParams(source="class_folders", path="own")).read().joined == 4


def test_validation_images_of_lists_and_of_parquet_files_join_too():
    for k in range(3):
        write(f"lists/{k}.png", picture(k))
    for k, name in enumerate(["Train.txt", "valid.txt", "test.TXT"]):
        write(f"lists/{name}", f"{k}.png 0\n")
    train, test, _ = read(source="list_file", path="lists")
    assert (pixels(train), pixels(test)) == ([0, 1], [2])
    write("files/training.parquet", parquet([0, 1], ["a", "b"]))
    write("files/dev.parquet", parquet([1], ["a", "b"]))
    write("files/Test.parquet", parquet([1, 0, 1], ["a", "b"]))
    train, test, _ = read(source="parquet", path="files")
    assert (train.labels, test.labels) == ([0, 1, 1], [1, 0, 1])


def test_two_folders_or_files_of_one_split_are_refused():
    assert "Train and training, and each of them is the train split" in refusal(
        "Train/a/1.png", "training/a/1.png", "test/a/1.png"
    )
    for name in ("train.txt", "Train.txt", "test.txt"):
        write(f"lists/{name}", "1.png 0\n")
    refused("Train.txt and train.txt, and each of them is the list of", source="list_file", path="lists")
    for name in ("train.parquet", "training.parquet", "test.parquet"):
        write(f"files/{name}", parquet([0], ["a"]))
    refused("train.parquet and training.parquet: each", source="parquet", path="files")


# --- classes named as a split is ---


@pytest.mark.parametrize("classes", [["bus", "car", "train"], ["invalid", "valid"], ["dev", "prod"]])
def test_a_class_that_is_named_as_a_split_is_a_class(classes):
    fill("own", *classes)
    train, _, names = read(source="class_folders", path="own", pool=len(classes))
    assert names == classes
    assert [pixel // 2 for pixel in pixels(train)] == train.labels == list(range(len(classes)))


def test_a_class_is_what_parameters_name_as_one():
    fill("own", "train/cat", "test/cat")
    train, test, names = read(source="class_folders", path="own", classes=["train", "test"], pool=2)
    assert (names, sorted(train.labels + test.labels)) == (["train", "test"], [0, 0, 1, 1])


# --- what is no structure of classes is refused, with what was found and advice that holds ---


def test_half_of_a_split_is_refused_and_the_advice_gives_right_data():
    fill("own", "train/cat", "train/dog")
    refused("own/test is missing: own holds train, half of a split", source="class_folders", path="own")
    refused("name own/train as `path`, and with `pool`", source="class_folders", path="own")
    _, _, names = read(source="class_folders", path="own/train", pool=2)
    assert names == ["cat", "dog"]
    assert "rename val to test" in refusal("Train/a/1.png", "val/a/1.png")
    assert "own/train is missing: own holds test, half" in refusal("test/a/1.png")
    assert "own/train is missing: own holds test and val" in refusal("test/a/1.png", "val/a/1.png")


def test_a_folder_around_is_refused_and_the_advice_gives_right_data():
    fill("own", "set/cat", "set/dog")
    refused("Name own/set as `path`", source="class_folders", path="own", pool=2)
    assert read(source="class_folders", path="own/set", pool=2)[2] == ["cat", "dog"]
    fill("mine", "set/train/cat", "set/test/cat")
    refused("mine is the folder around set/. Name mine/set as `path`", source="class_folders", path="mine")
    assert read(source="class_folders", path="mine/set")[2] == ["cat"]


@pytest.mark.parametrize(
    ("images", "says"),
    [
        (["cat/train/1.png", "cat/test/1.png", "dog/train/1.png"], "Move images from <class>/train to"),
        (["a/cat/1.png", "a/dog/1.png", "b/cat/1.png"], "hold the same folders again (cat)"),
        (["train_images/1.png", "test_images/1.png"], "look like splits and are none by their names"),
        (["my-train/cat/1.png", "my-val/cat/1.png"], "look like splits and are none by their names"),
        (["1.png", "2.png", "cat/1.png"], "own/1.png lies in no class folder, nor does 1 other."),
        (["train/1.png", "test/cat/1.png"], "own/train/1.png lies in no class folder. Move it"),
        (["train/set/cat/1.png", "train/set/dog/1.png", "test/a/1.png"], "own/train holds set alone"),
    ],
)
def test_what_is_no_structure_of_classes_is_refused_with_what_was_found(images, says):
    told = refusal(*images)
    assert says in told
    assert "\nFound:\n  own: " in told and "\nExpected: train/<class>/*.jpg" in told


def test_a_refusal_shows_three_levels_of_folders_with_counts_and_not_more():
    images = [f"a{k}/b/c/d/{i}.png" for k in range(9) for i in range(k + 1)]
    lines = refusal(*images).splitlines()
    tree = lines[lines.index("Found:") + 1 : -1]
    assert tree[:5] == ["  own: 45 images", "    a0/: 1 image", "      b/: 1 image", "        c/: 1 image",
                        "    a1/: 2 images"]  # fmt: skip
    assert tree[-1] == "    and 3 folders more" and len(tree) == 1 + 6 * 3 + 1
    assert max(map(len, lines)) < 300


def test_images_may_lie_deeper_in_their_class():
    fill("own", "cat", "cat/more", "dog/day 1", "dog/day 2")
    train, test, names = read(source="class_folders", path="own", pool=4)
    assert names == ["cat", "dog"]
    by_label = {label: set() for label in (0, 1)}
    for images in (train, test):
        for label, value in zip(images.labels, pixels(images), strict=True):
            by_label[label].add(value)
    assert by_label == {0: {0, 1, 2, 3}, 1: {4, 5, 6, 7}}


@pytest.mark.parametrize(
    "named", [{"classes": ["a", "b"]}, {"only_class": "b"}, {"only_classes": ["b", "a"]}]
)
def test_folders_that_hold_the_same_folders_are_classes_where_parameters_name_them_so(named):
    fill("own", "a/cat", "a/dog", "b/cat", "b/dog")
    refused("which are the classes?", source="class_folders", path="own", pool=2)
    train, test, names = read(source="class_folders", path="own", pool=2, **named)
    for images in (train, test):
        for label, value in zip(images.labels, pixels(images), strict=True):
            assert names[label] == ("a" if value < 4 else "b")


def test_an_archive_is_looked_at_as_its_folder_is():
    with zipfile.ZipFile("own.zip", "w") as file:
        for name in ("packed/Train/cat/1.png", "packed/Testing/cat/2.png"):
            file.writestr(name, picture(int(name[-5])))
    train, test, names = read(source="class_folders", path="own.zip")
    assert (pixels(train), pixels(test), names) == ([1], [2], ["cat"])
    with zipfile.ZipFile("half.zip", "w") as file:
        file.writestr("train/cat/1.png", picture(1))
    refused("half.zip/test is missing: half.zip holds train", source="class_folders", path="half.zip")


# --- splits under other names, whatever lies beside them ---

LIKE_SPLITS = [
    ["train_images/a/1", "train_images/b/2", "test_images/a/3", "extra/4"],
    ["train_images/a/1", "train_images/b/2", "extra/4"],
    ["Trainingsdaten/a/1", "Trainingsdaten/b/2", "Testdaten/a/3", "Testdaten/b/4", "Testdaten/overview"],
    ["trainset/a/1", "trainset/b/2", "holdout/a/3", "holdout/sheet"],
    ["trainset/1", "testset/2"],
    ["train2/1", "test2/2", "sample/3"],
    ["trainA/1", "trainB/2", "testA/3", "testB/4"],
    ["imagesTr/1", "imagesTs/2", "notes/3"],
    ["train2017/1", "val2017/2"],
    ["TrainImages/1", "ValidationImages/2", "other/3"],
    ["bounding_box_train/1", "bounding_box_test/2", "gallery/3"],
    ["entraînement/1", "essai/2", "divers/3"],
    ["entrenamiento/1", "pruebas/2", "otros/3"],
    ["训练集/1", "测试集/2", "其他/3"],
    ["my-train-data/1", "held_out/2", "thumbs up/3"],
]


@pytest.mark.parametrize("images", LIKE_SPLITS)
def test_folders_that_look_like_splits_are_asked_about_whatever_lies_beside_them(images):
    names = [f"{name}.png" for name in images]
    told = refusal(*names)
    assert "look like splits and are none by their names" in told and "\nFound:\n" in told
    assert "Rename them to train and test" in told.splitlines()[0]
    is_flat = not any(name.count("/") > 1 for name in names)
    assert ("put their images into a folder for each class" in told) == is_flat
    assert "pool" not in told.splitlines()[0]
    # Who names them as classes is believed.
    assert found(*names, meant=tuple({name.partition("/")[0] for name in names})).train == ""


@pytest.mark.parametrize(
    "classes",
    [
        ["passenger train", "test tube", "bus"],
        ["trainers", "testudo", "boots"],
        ["training shoe", "evaluation board", "x"],
        ["tr", "ts", "te"],
        ["valley", "developer", "contest", "restrain"],
        ["train", "trains", "bus"],
        ["0", "1", "10"],
        ["A", "B"],
        ["train station", "test site"],
        ["passenger train", "freight train", "crash test"],
        ["hold music", "machine learning"],
        ["hold", "learning", "cat"],
    ],
)
def test_classes_whose_names_hold_such_words_by_chance_are_classes(classes):
    assert found(*(f"{name}/1.png" for name in classes)).train == ""


def test_a_picture_beside_classes_makes_no_class_of_the_folder_around_them():
    told = refusal("a/cat/1.png", "a/dog/1.png", "b/cat/1.png", "b/dog/1.png", "b/sheet.png")
    assert "hold the same folders again (cat)" in told
    told = refusal("set/cat/1.png", "set/dog/1.png", "set/sheet.png")
    assert "own holds set alone, and that holds 2 folders" in told
    told = refusal("cat/train/1.png", "cat/test/1.png", "cat/sheet.png", "dog/1.png")
    assert "Move images from <class>/train to" in told
    # A class with folders is one if most of its pictures lie in itself, and folders may have any names.
    for images in (
        ["cat/1.png", "cat/2.png", "cat/more/3.png", "dog/1.png", "dog/2.png", "dog/more/3.png"],
        ["cat/day/1.png", "cat/night/1.png", "dog/1.png"],
        ["vehicle/train/1.png", "vehicle/bus/1.png", "animal/1.png"],
    ):
        assert found(*images).train == ""


def test_images_beside_the_splits_are_told_and_are_no_input():
    fill("own", "train/a", "train/b", "test/a", "test/b")
    params = DatasetParams(source="class_folders", path="own")
    before = source_digest(params), source_of(params).beside
    fill("own", "extra")
    after = source_digest(params), source_of(params).beside
    assert after[0] == before[0]
    assert set(after[1]) - set(before[1]) == {str(path) for path in Path("own/extra").iterdir()}
    assert "extra" in str(source_of(params).read().left_out)


@pytest.mark.parametrize(
    "names",
    [("train", "holdout"), ("learn", "test"), ("tren", "test"), ("train", "gallery"), ("bus", "Training")],
)
def test_of_two_flat_folders_of_which_one_is_named_as_a_split_nobody_can_tell(names):
    told = refusal(*(f"{name}/1.png" for name in names))
    assert "half of a split" in told and "is a class, name the classes with `classes`" in told
    assert found(*(f"{name}/1.png" for name in names), meant=names).train == ""


def test_advice_within_a_split_can_be_followed():
    told = refusal("train/a/2020/1.png", "train/b/2020/2.png", "test/a/3.png")
    assert "rename the outer ones" not in told and "if the inner ones are, move images together" in told


def test_half_a_split_beside_classes_says_how_it_can_be_one():
    told = refusal("train/ice/1.png", "bus/city/2.png", "car/suv/3.png")
    assert "if train is a class, name the classes with `classes`" in told
    assert found("train/ice/1.png", "bus/city/2.png", meant=("train", "bus")).train == ""
    assert "is a class" not in refusal("train/ice/1.png", "train/city/2.png")


def test_a_folder_named_as_systems_name_theirs_is_a_class_where_parameters_say_so():
    fill("own", "Thumbnails", "Posters", "@Database")
    names = ["Thumbnails", "Posters", "@Database"]
    assert read(source="class_folders", path="own", pool=3, classes=names)[2] == names
    fill("two", "Recycler", "RECYCLER", "Landfill")
    assert read(source="class_folders", path="two", pool=2)[2] == ["Landfill", "Recycler"]


def test_half_a_split_beside_what_looks_like_the_other_half_says_so():
    assert "rename holdout to test if that is" in refusal("train/a/1.png", "holdout/a/1.png")
    assert "rename trainset to train if that is" in refusal("trainset/a/1.png", "test/a/1.png")


@pytest.mark.parametrize("boxes", ["labels", "annotations", "Annotations"])
@pytest.mark.parametrize("prefix", ["", "train/"])
def test_images_beside_labels_are_no_classes(boxes, prefix):
    images = [f"{prefix}images/1.png", f"{prefix}images/2.png", "test/images/1.png"][: 3 if prefix else 2]
    told = refusal(*images, folders=(f"{prefix}{boxes}",))
    assert f"holds images/ with all images and {boxes} beside it, as for detection" in told
    deeper = "images/train/1.png", "images/val/1.png"
    assert "as for detection" in refusal(*deeper, folders=("labels", "labels/train"))
    # Masks are pictures themselves.
    for pictures, beside in (("images", "masks"), ("img", "ann"), ("JPEGImages", "SegmentationClass")):
        pair = f"{prefix}{pictures}/1.png", f"{prefix}{beside}/1.png"
        told = refusal(*pair, *(["test/images/1.png"] if prefix else []))
        assert f"{pictures}/ with all images and {beside} beside it" in told
        assert "if they are classes, name them with `classes`" in told
    assert found("img/1.png", "ann/2.png", meant=("img",)).train == ""
    # A class may hold its pictures so.
    assert found("cat/images/1.png", "dog/images/2.png", folders=("cat/labels", "dog/labels"),
                 meant=("cat",)).train == ""  # fmt: skip


def test_advice_on_an_archive_is_what_can_be_done_with_an_archive():
    with zipfile.ZipFile("k.zip", "w") as file:
        for k in range(4):
            file.writestr(f"train/{'ab'[k % 2]}/{k}.png", picture(k))
    own = {"source": "class_folders"}
    said = "k.zip/test is missing: k.zip holds train, half of a split. Pack it again with test/; or"
    refused(said, **own, path="k.zip")
    refused("pack the folders in train/ without it, and say with `pool`", **own, path="k.zip")
    refused("k.zip is a file, and no folder in it can be named", **own, path="k.zip/train", pool=2)
    with zipfile.ZipFile("again.zip", "w") as file:
        for k in range(4):
            file.writestr(f"{'ab'[k % 2]}/{k}.png", picture(k))
    assert read(**own, path="again.zip", pool=2)[2] == ["a", "b"]


# --- where nothing is ---


def test_what_holds_no_image_says_what_it_holds_instead():
    Path("own").mkdir()
    refused("own is empty. Expected: train/<class>", source="class_folders", path="own", pool=1)
    Path("own/cat").mkdir()
    refused("own holds no image, only empty folders", source="class_folders", path="own", pool=1)
    write("own/cat/photos.zip", b"PK")
    refused(
        "own holds no image. What it holds: 1 .zip (archives within", source="class_folders", path="own"
    )
    write("own.7z", b"7z")
    refused("own.7z is a file, and none of the archives", source="class_folders", path="own.7z", pool=1)
    with zipfile.ZipFile("own.zip", "w") as file:
        file.writestr("inner.zip", b"PK")
    refused("own.zip holds no image. What it holds: 1 .zip", source="class_folders", path="own.zip", pool=1)


def test_words_for_splits_are_none_for_others():
    assert {split_of(name) for name in ("trains", "contest", "train_images", "", "cat", "trial")} == {""}
