"""Labels of several files mean the same class by its name, whatever their numbers are."""

import itertools
import json
import unicodedata
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.dataset import picture, pixels, read, refused, write

from jointnn.data.digests import source_digest
from jointnn.data.parquet import to_parquet
from jointnn.data.schema import DatasetParams
from jointnn.data.source import Images, source_of

ALL = ["ant", "bee", "cat", "dog"]


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("JOINTNN_MIRROR", raising=False)


def file(path: str, names: list[str], shown: list[str], start: int = 0) -> None:
    """A file whose names of classes are in this order, with a picture of each that is shown.

    Pixels tell the class: 10 for each ant, 20 for each bee; the file adds its `start`.
    """
    images = Images()
    for name in shown:
        images.add(picture(10 * ALL.index(name) + start), names.index(name), f"{name}.png", "")
    write(path, to_parquet(images, names))


def shown(images: Images, classes: list[str]) -> list[tuple[int, str]]:
    return [(pixel, classes[label]) for pixel, label in zip(pixels(images), images.labels, strict=True)]


def right(names: list[str], start: int = 0) -> list[tuple[int, str]]:
    return [(10 * ALL.index(name) + start, name) for name in names]


@pytest.mark.parametrize("order", list(itertools.permutations(["ant", "bee", "cat"])))
def test_a_test_file_with_another_order_of_classes_has_the_labels_of_its_pictures(order):
    file("own/train.parquet", ["ant", "bee", "cat"], ["ant", "bee", "cat"])
    file("own/test.parquet", list(order), ["bee", "ant", "cat", "bee"], start=1)
    train, test, classes = read(source="parquet", path="own")
    assert (classes, train.labels) == (["ant", "bee", "cat"], [0, 1, 2])
    assert shown(test, classes) == right(["bee", "ant", "cat", "bee"], start=1)


def test_the_same_holds_of_a_mirror_and_of_what_is_counted_before_it_is_fetched(monkeypatch):
    monkeypatch.setenv("JOINTNN_MIRROR", "mirror")
    file("mirror/own/train.parquet", ["bee", "ant"], ["ant", "bee"])
    file("mirror/own/test.parquet", ["ant", "bee"], ["ant", "bee", "bee"])
    train, test, classes = read(source="mirror", path="own")
    assert classes == ["bee", "ant"]
    assert (shown(train, classes), shown(test, classes)) == (
        right(["ant", "bee"]),
        right(["ant", "bee", "bee"]),
    )
    source = source_of(DatasetParams(source="mirror", path="own"))
    assert source.labels is not None
    counted = source.labels()
    assert (counted.train.labels, counted.test.labels, counted.classes) == (
        train.labels,
        test.labels,
        classes,
    )


def test_all_pieces_of_a_split_are_mapped_by_name():
    file("own/train-00000-of-00003.parquet", ["ant", "bee"], ["ant", "bee"])
    file("own/train-00001-of-00003.parquet", ["bee", "ant"], ["ant", "bee"], start=1)
    file("own/train-00002-of-00003.parquet", ["cat", "ant"], ["cat", "ant"], start=2)
    file("own/validation.parquet", ["cat", "bee"], ["bee"], start=3)
    file("own/test.parquet", ["dog", "cat", "bee", "ant"], ["ant", "cat"], start=4)
    train, test, classes = read(source="parquet", path="own")
    assert classes == ["ant", "bee", "cat"]  # no picture is a dog
    assert shown(train, classes) == [
        *right(["ant", "bee"]), *right(["ant", "bee"], 1), *right(["cat", "ant"], 2), *right(["bee"], 3)
    ]  # fmt: skip
    assert shown(test, classes) == right(["ant", "cat"], 4)


def test_a_class_of_the_test_alone_is_refused_by_its_name():
    file("own/train.parquet", ["ant", "bee"], ["ant", "bee"])
    file("own/test.parquet", ["cat", "bee"], ["cat"])
    refused(
        "no training image has the class 'cat'. The test has images of it.", source="parquet", path="own"
    )


def test_classes_in_another_order_are_another_order_and_other_names_are_other_names():
    file("own/train.parquet", ["ant", "bee"], ["ant", "bee"])
    file("own/test.parquet", ["bee", "ant"], ["ant"], start=1)
    train, test, classes = read(source="parquet", path="own", classes=["bee", "ant"])
    assert (classes, train.labels, test.labels) == (["bee", "ant"], [1, 0], [1])
    file("own/test.parquet", ["ant", "bee"], ["bee"], start=1)
    train, test, classes = read(source="parquet", path="own", classes=["Ameise", "Biene"])
    assert (classes, train.labels, test.labels) == (["Ameise", "Biene"], [0, 1], [1])


def test_names_that_contradict_each_other_are_refused():
    file("own/train.parquet", ["ant", "bee"], ["ant", "bee"])
    file("own/test.parquet", ["bee", "ant"], ["ant"])
    own = {"source": "parquet", "path": "own"}
    refused("names the class 'bee', which the dataset's `classes` do not", **own, classes=["ant", "Biene"])
    refused("names 2 classes, but the dataset's `classes` names 3", **own, classes=["x", "y", "z"])
    # Other names for numbers that mean different things in the two files.
    refused(
        "names the class 'ant', which the dataset's `classes` do not", **own, classes=["Ameise", "Biene"]
    )
    file("own/test.parquet", ["bee", "bee"], ["bee"])
    refused("own/test.parquet names a class twice", **own)


def test_a_file_without_names_has_the_numbers_of_the_others_if_they_agree_and_is_refused_if_not():
    file("own/train-00000-of-00002.parquet", ["ant", "bee"], ["ant", "bee"])
    file("own/train-00001-of-00002.parquet", ["ant", "bee"], ["bee"])
    table = pq.read_table("own/train-00000-of-00002.parquet").replace_schema_metadata({})
    pq.write_table(table, "own/test.parquet")
    train, test, classes = read(source="parquet", path="own")
    assert (train.labels, test.labels, classes) == ([0, 1, 1], [0, 1], ["ant", "bee"])
    file("own/train-00001-of-00002.parquet", ["bee", "ant"], ["bee"])
    refused("own/test.parquet has labels without names, and own/train-00001", source="parquet", path="own")


def test_a_label_beyond_the_names_of_its_file_is_refused_where_files_differ():
    file("own/train.parquet", ["ant", "bee", "cat"], ["ant", "bee", "cat"])
    file("own/test.parquet", ["bee", "ant", "cat"], ["cat"])
    table = pq.read_table("own/test.parquet")
    features = {"info": {"features": {"label": {"names": ["bee", "ant"]}}}}
    pq.write_table(table.replace_schema_metadata({"huggingface": json.dumps(features)}), "own/test.parquet")
    refused("own/test.parquet, row 0 has the label 2, but the 2 classes", source="parquet", path="own")


# --- one name, two codes ---

COMPOSED, TAKEN_APART = (unicodedata.normalize(form, "Käfer") for form in ("NFC", "NFD"))


@pytest.mark.parametrize("first", [COMPOSED, TAKEN_APART])
@pytest.mark.parametrize("second", [COMPOSED, TAKEN_APART])
def test_a_name_is_one_whichever_system_wrote_it(first, second):
    assert COMPOSED != TAKEN_APART
    for k, path in enumerate((f"train/{first}", "train/Ant", f"test/{second}", "test/Ant")):
        write(f"own/{path}/0.png", picture(k))
    own = {"source": "class_folders", "path": "own"}
    train, test, classes = read(**own)
    assert classes == ["Ant", COMPOSED]
    assert dict(zip(pixels(train), train.labels, strict=True)) == {0: 1, 1: 0}
    assert dict(zip(pixels(test), test.labels, strict=True)) == {2: 1, 3: 0}
    for chosen in (COMPOSED, TAKEN_APART):
        assert pixels(read(**own, only_class=chosen)[0]) == [0]
        _, test, classes = read(**own, only_classes=[chosen, "Ant"])
        assert dict(zip(pixels(test), test.labels, strict=True)) == {2: 0, 3: 1}
        assert read(**own, classes=[chosen, "Ant"])[2] == [COMPOSED, "Ant"]


def test_lists_and_parquet_files_know_a_name_by_its_letters_too():
    write(f"own/{TAKEN_APART}/1.png", picture(1))
    write("own/2.png", picture(2))
    write("own/train.txt", f"{COMPOSED}/1.png 0\n")
    write("own/test.txt", "2.png 0\n")
    source = source_of(DatasetParams(source="list_file", path="own"))
    assert pixels(source.read().train) == [1]
    assert all(path.is_file() for path in source.files)
    for name, classes in (("train", ["ant", COMPOSED]), ("test", [TAKEN_APART, "ant"])):
        images = Images()
        images.add(picture(1), classes.index("ant"), "1.png", "")
        images.add(picture(2), 1 - classes.index("ant"), "2.png", "")
        write(f"files/{name}.parquet", to_parquet(images, classes))
    train, test, names = read(source="parquet", path="files")
    assert (names, train.labels, test.labels) == (["ant", COMPOSED], [0, 1], [0, 1])


@pytest.mark.parametrize("kind", [pa.binary(), pa.large_binary(), pa.binary_view()])
def test_images_of_every_type_of_bytes_are_read(kind):
    Path("own").mkdir()
    for split, value in (("train", 3), ("test", 4)):
        image = pa.array(
            [{"bytes": picture(value), "path": "x"}], pa.struct({"bytes": kind, "path": pa.string()})
        )
        pq.write_table(pa.table({"image": image, "label": [0]}), f"own/{split}.parquet")
    train, test, _ = read(source="parquet", path="own")
    assert (pixels(train), pixels(test)) == ([3], [4])


def test_a_class_of_the_test_that_differs_in_its_case_alone_is_asked_about():
    for split, names in (("train", ("cat", "dog")), ("test", ("Cat", "dog"))):
        for k, name in enumerate(names):
            write(f"own/{split}/{name}/{k}.png", picture(k))
    refused(
        "has the class 'Cat'. The test has images of it; did you mean 'cat'?",
        source="class_folders",
        path="own",
    )


def nameless(path: str, labels: dict[str, int], start: int = 0) -> None:
    """A file without names: a picture of each class under a label."""
    bytes_of = [{"bytes": picture(10 * ALL.index(name) + start), "path": f"{name}.png"} for name in labels]
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"image": bytes_of, "label": list(labels.values())}), path)


def renamed(path: str, names: object) -> None:
    """Put other names into the metadata of a file, in whatever form."""
    table = pq.read_table(path)
    told = {"info": {"features": {"label": {"names": names, "_type": "ClassLabel"}}}}
    pq.write_table(table.replace_schema_metadata({"huggingface": json.dumps(told)}), path)


def card(names: object, folder: str = "own", entry: object = None) -> None:
    """A dataset card whose feature `label` has these names."""
    kind = {"class_label": {"names": names}}
    features = [{"name": "image", "dtype": "image"}, {"name": "label", "dtype": kind}]
    head = json.dumps({"license": "mit", "dataset_info": entry or {"features": features}})  # JSON is YAML
    write(f"{folder}/README.md", f"--- \n{head}\n---  \n\n# Animals\n".encode())


@pytest.mark.parametrize("backwards", [False, True])
def test_names_by_label_are_read_by_label(backwards):
    file("own/train.parquet", ["ant", "bee"], ["ant", "bee"])
    file("own/test.parquet", ["bee", "ant"], ["ant", "bee", "bee"], start=1)
    for path, names in (("train", ["ant", "bee"]), ("test", ["bee", "ant"])):
        by_label = [(str(label), name) for label, name in enumerate(names)]
        renamed(f"own/{path}.parquet", dict(by_label[::-1] if backwards else by_label))
    train, test, classes = read(source="parquet", path="own")
    assert classes == ["ant", "bee"]
    assert shown(train, classes) == right(["ant", "bee"])
    assert shown(test, classes) == right(["ant", "bee", "bee"], 1)


def test_names_of_labels_that_do_not_count_from_0_are_refused():
    file("own/train.parquet", ["ant", "bee"], ["ant", "bee"])
    file("own/test.parquet", ["ant", "bee"], ["ant"])
    renamed("own/train.parquet", {"1": "ant", "2": "bee"})
    refused(
        "names the classes of the labels 1, 2, which are not 0, 1 and so on", source="parquet", path="own"
    )


@pytest.mark.parametrize("names", [["bee", "ant"], {"0": "bee", "1": "ant"}, {"1": "ant", "0": "bee"}])
@pytest.mark.parametrize("folder", ["own", "own/data"])
def test_the_card_of_the_hub_names_the_classes_of_files_that_do_not(names, folder):
    nameless(f"{folder}/train.parquet", {"ant": 1, "bee": 0})
    file(f"{folder}/test.parquet", ["ant", "bee"], ["ant", "bee", "bee"], start=1)
    card(names)
    train, test, classes = read(source="parquet", path=folder)
    assert classes == ["bee", "ant"]
    assert shown(train, classes) == right(["ant", "bee"])
    assert shown(test, classes) == right(["ant", "bee", "bee"], 1)


def test_what_a_card_says_of_classes_is_an_input_and_its_prose_is_none():
    nameless("own/train.parquet", {"ant": 1, "bee": 0})
    nameless("own/test.parquet", {"ant": 1, "bee": 0})
    params = DatasetParams(source="parquet", path="own")
    digests = [source_digest(params)]
    write("own/README.md", b"# Animals\n")
    assert source_digest(params) == digests[0]
    for names in (["bee", "ant"], ["ant", "bee"]):
        card(names)
        digests.append(source_digest(params))
        write("own/README.md", Path("own/README.md").read_bytes() + b"\nA typo, mended.\n")
        assert source_digest(params) == digests[-1]
    assert len(set(digests)) == 3
    named = DatasetParams(source="parquet", path="own", classes=["ant", "bee"])
    before = source_digest(named)
    card(["cat", "dog"])
    assert source_digest(named) == before, "it is not asked"


def test_a_card_of_several_configurations_is_believed_where_they_agree():
    nameless("own/train.parquet", {"ant": 1, "bee": 0})
    nameless("own/test.parquet", {"ant": 1, "bee": 0})

    def entry(*names: str) -> dict[str, object]:
        return {"features": [{"name": "label", "dtype": {"class_label": {"names": list(names)}}}]}

    card(None, entry=[entry("bee", "ant"), entry("bee", "ant")])
    assert read(source="parquet", path="own")[2] == ["bee", "ant"]
    card(None, entry=[entry("bee", "ant"), entry("ant", "bee")])
    message = "names the classes of 2 configurations, and not alike: ['bee', 'ant'] and ['ant', 'bee']"
    refused(message, source="parquet", path="own")
    assert read(source="parquet", path="own", classes=["bee", "ant"])[2] == ["bee", "ant"]


@pytest.mark.parametrize("name", ["readme.md", "ReadMe.md"])
def test_a_card_may_be_written_small_and_have_a_mark_of_its_encoding(name):
    nameless("own/train.parquet", {"ant": 1, "bee": 0})
    nameless("own/test.parquet", {"ant": 1, "bee": 0})
    card(["bee", "ant"])
    content = Path("own/README.md").read_bytes()
    Path("own/README.md").unlink()
    write(f"own/{name}", b"\xef\xbb\xbf" + content)
    found = source_of(DatasetParams(source="parquet", path="own")).read()
    assert (found.classes, bool(found.left_out)) == (["bee", "ant"], False)


def test_a_card_that_names_fewer_classes_than_labels_count_is_named_itself():
    nameless("own/train.parquet", {"ant": 1, "bee": 2})
    nameless("own/test.parquet", {"ant": 1, "bee": 0})
    card(["bee", "ant"])
    refused(
        "own/README.md names 2 classes, and own/train.parquet, row 1 has the label 2",
        source="parquet",
        path="own",
    )


@pytest.mark.parametrize(
    "text", ["# Animals\n", "---\nno end", "---\n3\n---\n", "---\ndataset_info: 3\n---\n"]
)
def test_a_readme_that_is_no_card_says_nothing(text):
    nameless("own/train.parquet", {"ant": 1, "bee": 0})
    nameless("own/test.parquet", {"ant": 1, "bee": 0})
    write("own/README.md", text.encode())
    assert read(source="parquet", path="own")[2] == ["0", "1"]


@pytest.mark.parametrize("head", ["dataset_info: [", "a: 1\na: 2", "\t- x: y"])
def test_a_card_whose_head_is_no_yaml_is_refused_where_it_is_asked(head):
    nameless("own/train.parquet", {"ant": 1, "bee": 0})
    nameless("own/test.parquet", {"ant": 1, "bee": 0})
    write("own/README.md", f"---\n{head}\n---\n# Animals\n".encode())
    refused("own/README.md begins as a dataset card, and its head is no YAML", source="parquet", path="own")
    assert read(source="parquet", path="own", classes=["bee", "ant"])[2] == ["bee", "ant"]


def test_it_is_said_where_labels_without_names_are_taken_by_number():
    nameless("own/train.parquet", {"ant": 0, "bee": 1})
    file("own/test.parquet", ["ant", "bee"], ["ant", "bee"], start=1)
    found = source_of(DatasetParams(source="parquet", path="own")).read()
    assert found.remarks == {
        "labels without names": "The labels of own/train.parquet have no names: they were taken to mean "
        "what those of own/test.parquet do."
    }
    file("own/train.parquet", ["ant", "bee"], ["ant", "bee"])
    assert not source_of(DatasetParams(source="parquet", path="own")).read().remarks
