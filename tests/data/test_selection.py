"""Selection of a source's images: a choice of classes, parts, the pool, another labelling."""

import numpy as np
import pytest
from helpers.dataset import MIRROR, parquet, picture, read, refused, write

from jointnn.data.schema import DatasetParams
from jointnn.data.source import source_of


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("JOINTNN_MIRROR", raising=False)


@pytest.mark.slow
def test_parts_are_disjoint_class_balanced_and_together_the_whole():
    whole = source_of(DatasetParams(source="optical_digits")).read().train
    parts = [read(source="optical_digits", part=f"{k}/4", pool=100) for k in (1, 2, 3, 4)]
    names = [name for train, test, _ in parts for name in (*train.names, *test.names)]
    assert sorted(names) == sorted(whole.names)
    counts = np.array([np.bincount(train.labels + test.labels) for train, test, _ in parts])
    assert (counts.max(0) - counts.min(0)).max() <= 1
    assert "00000.png" in parts[0][0].names + parts[0][1].names


def test_the_pool_is_class_balanced_and_spread_over_the_order_of_the_source():
    train, test, _ = read(source="optical_digits", pool=105)
    assert np.bincount(train.labels).tolist() == [11] * 5 + [10] * 5
    assert len(train) + len(test) == 1797
    assert not {*train.names} & {*test.names}
    first, last = int(train.names[0][:-4]), int(train.names[-1][:-4])
    assert first < 180 and last > 1617


def test_permuted_labels_follow_their_images_and_the_names_follow_too():
    order = [3, 0, 1, 2, 5, 4, 6, 9, 7, 8]
    usual, _, digits = read(source="optical_digits", pool=100)
    permuted, _, names = read(source="optical_digits", pool=100, permute_labels=order)
    assert permuted.content == usual.content
    assert permuted.labels == [order[label] for label in usual.labels]
    assert [names[a] for a in permuted.labels] == [digits[a] for a in usual.labels]


@pytest.mark.slow
def test_the_first_classes_keep_their_labels_names_and_images_and_parts_come_after():
    whole = source_of(DatasetParams(source="optical_digits")).read().train
    low = [(name, label) for name, label in zip(whole.names, whole.labels, strict=True) if label < 3]
    train, test, classes = read(source="optical_digits", first_classes=3, pool=30)
    assert classes == ["0", "1", "2"]
    kept = [*zip(train.names, train.labels, strict=True), *zip(test.names, test.labels, strict=True)]
    assert sorted(kept) == sorted(low)
    assert np.bincount(train.labels).tolist() == [10, 10, 10]
    part, rest, names = read(
        source="optical_digits", first_classes=3, part="2/2", pool=30, permute_labels=[1, 2, 0]
    )
    assert names == ["2", "0", "1"] and len(part) + len(rest) == pytest.approx(len(low) / 2, abs=3)


def test_first_classes_cut_the_official_test_too(monkeypatch):
    monkeypatch.setenv("JOINTNN_MIRROR", "mirror")
    write("mirror/birds/train.parquet", parquet([2, 0, 1, 0], ["a", "b", "c"]))
    write("mirror/birds/test.parquet", parquet([1, 2, 2, 0], ["a", "b", "c"]))
    train, test, classes = read(source="mirror", path="birds", first_classes=2)
    assert (train.names, train.labels) == (["1.png", "2.png", "3.png"], [0, 1, 0])
    assert (test.names, test.labels, classes) == (["0.png", "3.png"], [1, 0], ["a", "b"])
    assert read(source="mirror", path="birds", first_classes=3)[2] == ["a", "b", "c"]
    refused(
        "own: first_classes asks for 4 classes, but there are 3. Ask for fewer",
        source="mirror",
        path="birds",
        first_classes=4,
    )


def test_only_one_class_is_a_dataset_of_one_class_with_that_name(monkeypatch):
    monkeypatch.setenv("JOINTNN_MIRROR", "mirror")
    write("mirror/eight/train.parquet", parquet([2, 0, 1, 2], ["bird", "dog", "wolf"]))
    write("mirror/eight/test.parquet", parquet([1, 2], ["bird", "dog", "wolf"]))
    train, test, classes = read(source="mirror", path="eight", only_class="wolf")
    assert (train.names, train.labels) == (["0.png", "3.png"], [0, 0])
    assert (test.names, test.labels, classes) == (["1.png"], [0], ["wolf"])
    refused("own: only_class asks for 'wolv'", source="mirror", path="eight", only_class="wolv")
    refused("did you mean 'wolf'?", source="mirror", path="eight", only_class="wolv")
    refused("no image is left for the test", source="mirror", path="eight", only_class="bird")


def test_only_some_classes_are_labelled_in_the_order_of_their_names_in_the_list(monkeypatch):
    monkeypatch.setenv("JOINTNN_MIRROR", "mirror")
    write("mirror/four/train.parquet", parquet([2, 0, 1, 3, 2], ["bird", "dog", "wolf", "car"]))
    write("mirror/four/test.parquet", parquet([1, 2, 0], ["bird", "dog", "wolf", "car"]))
    four = {"source": "mirror", "path": "four"}
    train, test, classes = read(**four, only_classes=["wolf", "bird"])
    assert (train.names, train.labels) == (["0.png", "1.png", "4.png"], [0, 1, 0])
    assert (test.names, test.labels, classes) == (["1.png", "2.png"], [0, 1], ["wolf", "bird"])
    for everything in (["bird", "dog", "wolf", "car"], ["car", "wolf", "dog", "bird"]):
        train, _, classes = read(**four, only_classes=everything)
        assert classes == everything and [classes[a] for a in train.labels][:2] == ["wolf", "bird"]
    refused("own: only_classes asks for 'birt'", **four, only_classes=["wolf", "birt"])
    refused("did you mean 'bird'?", **four, only_classes=["wolf", "birt"])


@pytest.mark.slow
def test_parts_the_pool_and_another_labelling_come_after_the_choice_of_some_classes():
    whole = source_of(DatasetParams(source="optical_digits")).read().train
    wanted = [name for name, label in zip(whole.names, whole.labels, strict=True) if label in (7, 2)]
    fields = {"source": "optical_digits", "only_classes": ["7", "2"], "pool": 50, "permute_labels": [1, 0]}
    parts = [read(**fields, part=f"{k}/2") for k in (1, 2)]
    assert sorted(name for train, test, _ in parts for name in train.names + test.names) == wanted
    for train, _, classes in parts:
        assert (classes, np.bincount(train.labels).tolist()) == (["2", "7"], [25, 25])


def test_a_label_out_of_range_is_refused_also_outside_of_the_chosen_classes(monkeypatch):
    monkeypatch.setenv("JOINTNN_MIRROR", "mirror")
    write("mirror/odd/train.parquet", parquet([0, 1, 7], ["a", "b", "c"]))
    write("mirror/odd/test.parquet", parquet([0, 1], ["a", "b", "c"]))
    for choice in ({"first_classes": 2}, {"only_class": "a"}, {"only_classes": ["a", "b"]}):
        refused("train.parquet, row 2 has the label 7", source="mirror", path="odd", **choice)


@pytest.mark.skipif(not (MIRROR / "completion8").is_dir(), reason=f"no mirror with completion8 at {MIRROR}")
def test_completion8_of_the_mirror_gives_a_dataset_per_class(monkeypatch):
    monkeypatch.setenv("JOINTNN_MIRROR", str(MIRROR))
    train, test, classes = read(source="mirror", path="completion8", only_class="fighter_aircraft")
    assert (len(train), len(test), classes) == (500, 100, ["fighter_aircraft"])


@pytest.mark.slow
def test_a_pool_part_or_permutation_that_does_not_fit_is_refused():
    refused("no official test images", source="optical_digits")
    refused("needs 200 images of class '0', but there are 178", source="optical_digits", pool=2000)
    refused("no training image has the class", source="optical_digits", pool=9)
    refused(
        "permute_labels names 2 labels, but there are 10 classes",
        source="optical_digits",
        pool=100,
        permute_labels=[1, 0],
    )
    for name in "ab":
        write(f"own/{name}/1.png", picture(1))
    refused("no image is left for the test", source="class_folders", path="own", pool=2)


def counted(*counts: int) -> None:
    for k, count in enumerate(counts):
        for i in range(count):
            write(f"own/{'abc'[k]}/{i}.png", picture(10 * k + i))


@pytest.mark.parametrize(
    ("counts", "pool", "largest"),
    [((4, 2), 6, 5), ((2, 4), 6, 4), ((1, 1, 1), 3, None), ((3,), 3, 2), ((1,), 1, None)],
)
def test_advice_on_a_pool_is_given_where_there_is_one_and_it_works(counts, pool, largest):
    counted(*counts)
    own = {"source": "class_folders", "path": "own"}
    if largest is None:
        refused(
            f"and {len(counts) + 1} are needed at least: one of each class for training", **own, pool=pool
        )
        return
    refused(f"at most {largest}", **own, pool=pool)
    train, test, _ = read(**own, pool=largest)
    assert (len(train), len(test)) == (largest, sum(counts) - largest)
    assert set(train.labels) == set(range(len(counts)))


def test_one_image_and_a_pool_below_the_classes_are_told_what_is_missing():
    counted(1)
    own = {"source": "class_folders", "path": "own"}
    refused("own: There is 1 image, and 2 are needed at least", **own)
    counted(3, 3)
    refused("The pool of 1 is less than the 2 classes; take a larger one", **own, pool=1)


def test_an_official_test_without_images_is_not_answered_with_a_pool(monkeypatch):
    monkeypatch.setenv("JOINTNN_MIRROR", "mirror")
    write("mirror/two/train.parquet", parquet([0, 1], ["a", "b"]))
    write("mirror/two/test.parquet", parquet([1], ["a", "b"]))
    refused(
        "The source says which images are the test: add some", source="mirror", path="two", only_class="a"
    )
