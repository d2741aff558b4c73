"""Files that a source holds and does not give: they are counted, by kind and reason, and said."""

import io
import os
import shutil
import socket
import tarfile
import zipfile
from collections import Counter
from pathlib import Path

import pytest
from helpers.dataset import parquet, picture, pixels, read, refused, write

from jointnn.data.digests import ABSENT, kept_digests, source_digest
from jointnn.data.left_out import MOST, LeftOut, in_words
from jointnn.data.new_images import find_images
from jointnn.data.schema import DatasetParams
from jointnn.data.source import source_of
from jointnn.errors import UserError
from jointnn.io.files import read_json
from jointnn.jobs.specs import FetchJob
from jointnn.stages import fetch


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("JOINTNN_MIRROR", raising=False)


def left_out(path: str = "own", source: str = "class_folders", **fields) -> dict[str, int]:
    """How many of each kind a source leaves out."""
    found = source_of(DatasetParams(source=source, path=path, **fields)).read().left_out
    counts: Counter[str] = Counter()
    for entry in found.entries():
        counts[entry["kind"]] += entry["count"]
        assert entry["reason"] and entry["first"]
        assert f"{entry['count']} {entry['kind']} (" in str(found)
    return dict(counts)


OTHERS = ("1.heic", "2.heic", "notes.txt", "scan", "photo.svg", "more.zip", "x.db")


def folders(root: str = "own") -> None:
    for split, start in (("train", 0), ("test", 10)):
        for k, name in enumerate(("ant", "bee")):
            write(f"{root}/{split}/{name}/{k}.png", picture(start + k))


def other_files(root: str = "own") -> None:
    for name in OTHERS:
        write(f"{root}/train/ant/{name}", b"something")
    for name in (".DS_Store", "._0.png", "Thumbs.db"):  # of systems, and nobody misses them
        write(f"{root}/train/ant/{name}", b"x")
    write(f"{root}/train/ant/.0.png", picture(9))


EXPECTED = {".heic": 2, ".txt": 1, "without an ending": 1, ".svg": 1, ".zip": 1, ".db": 1, "hidden": 1}


def test_nothing_is_said_of_a_folder_of_images_alone():
    folders()
    assert left_out() == {}


def test_files_that_are_no_images_are_counted_and_the_images_are_as_without_them():
    folders()
    before = read(source="class_folders", path="own")
    other_files()
    assert left_out() == EXPECTED
    assert read(source="class_folders", path="own") == before


@pytest.mark.parametrize("form", ["zip", "tar", "gztar"])
def test_an_archive_counts_what_its_folder_counts(form):
    folders()
    other_files()
    write("own/train/@eaDir/bee/1.png/SYNOPHOTO_THUMB_M.jpg", picture(1))
    before = left_out(), read(source="class_folders", path="own")[0].content
    archive = shutil.make_archive("packed", form, "own")
    path = Path(archive).name
    assert (left_out(path), read(source="class_folders", path=path)[0].content) == before


@pytest.mark.parametrize("name", ["@eaDir", "@EADIR", "#recycle", "$RECYCLE.BIN", "__MACOSX",
                                  ".thumbnails", "System Volume Information", ".git", "lost+found", "@tmp",
                                  "@SynoResource",
                                  "@Recently-Snapshot", "@__thumb", "@appstore", "RECYCLER", "found.000",
                                  "FOUND.123", "~snapshot", ".Trash-1000", "Thumbnails", "$Extend",
                                  "Network Trash Folder", "_gsdata_", "_vti_cnf", ".snapshot",
                                  ".ipynb_checkpoints"])  # fmt: skip
@pytest.mark.parametrize("below", ["train", "train/ant", "test", "."])
def test_folders_of_systems_are_no_classes_and_shift_no_labels(name, below):
    folders()
    write(f"own/{below}/{name}/0.png", picture(99))
    write(f"own/{below}/{name}/deep/1.png", picture(99))
    train, test, classes = read(source="class_folders", path="own")
    assert (pixels(train), train.labels, classes) == ([0, 1], [0, 1], ["ant", "bee"])
    assert (pixels(test), test.labels) == ([10, 11], [0, 1])
    assert left_out() == {f"folder {name}": 1}


def test_images_that_are_still_in_the_cloud_are_counted():
    folders()
    for k in range(3):
        write(f"own/train/ant/.{k}.png.icloud", b"bplist00")
    assert left_out() == {".icloud": 3}
    assert pixels(read(source="class_folders", path="own")[0]) == [0, 1]


@pytest.mark.parametrize("name", ["@artist", "found.object", "$100", "#1", "recycling", "lost", "~"])
def test_folders_that_only_begin_as_those_of_systems_are_classes(name):
    folders()
    for split in ("train", "test"):
        write(f"own/{split}/{name}/0.png", picture(50))
    assert name in read(source="class_folders", path="own")[2] and left_out() == {}


# --- pipes, sockets, devices ---


def special(path: str, kind: str) -> None:
    """Something at a path that is no regular file."""
    match kind:
        case "pipe":
            os.mkfifo(path)
        case "socket":
            with socket.socket(socket.AF_UNIX) as made:
                made.bind(path)
        case "device":
            Path(path).symlink_to("/dev/zero")


@pytest.mark.skipif(os.name != "posix", reason="pipes are those of POSIX")
@pytest.mark.parametrize("kind", ["pipe", "socket", "device"])
@pytest.mark.parametrize("name", ["pipe", "x.png", "notes.txt", ".hidden"])
def test_what_is_no_regular_file_is_counted_and_nobody_waits_for_it(kind, name):
    folders()
    before = read(source="class_folders", path="own"), digest("class_folders")
    special(f"own/train/ant/{name}", kind)
    assert left_out() == {kind: 1}
    assert (read(source="class_folders", path="own"), digest("class_folders")) == before
    assert find_images(["own"]).left_out.entries()[0]["kind"] == kind
    for split in ("train", "test"):
        write(f"own/{split}.txt", f"{split}/ant/0.png 0\n")
        write(f"files/{split}.parquet", parquet([0], ["a"]))
    special(f"files/{name}", kind)
    assert left_out("own", "list_file")[kind] == 1
    assert left_out("files", "parquet") == {kind: 1}


def digest(source: str) -> str:
    return source_digest(DatasetParams(source=source, path="own"))


@pytest.mark.skipif(os.name != "posix", reason="pipes are those of POSIX")
@pytest.mark.parametrize("kind", ["pipe", "socket"])
@pytest.mark.parametrize(
    ("source", "path", "place"),
    [
        ("class_folders", "own.zip", "own.zip"),
        ("class_folders", "own.tar.gz", "own.tar.gz"),
        ("list_file", "lists", "lists/train.txt"),
        ("list_file", "listed", "listed/x.png"),
        ("parquet", "files", "files/train.parquet"),
        ("parquet", "one.parquet", "one.parquet"),
    ],
)
def test_what_is_named_and_no_regular_file_is_refused_and_nobody_waits_for_it(kind, source, path, place):
    for folder in ("lists", "listed", "files"):
        Path(folder).mkdir()
    for split in ("train", "test"):
        write(f"listed/{split}.txt", "x.png 0\n")
    write("files/test.parquet", parquet([0], ["a"]))
    special(place, kind)
    params = DatasetParams(source=source, path=path)
    assert source_digest(params) == ABSENT
    refused(f"{place} is a {kind}, and no regular file", source=source, path=path)


# --- names that are not UTF-8 ---


@pytest.mark.parametrize("form", ["folder", "tar"])
def test_a_name_that_is_not_utf_8_is_counted_where_nothing_is_read_from_it(form):
    folders()
    strange = os.fsdecode(b"\xe9")
    for name in (
        f"train/ant/{strange}.txt",
        f"train/ant/1.{strange}",
        f".{strange}/1.png",
        "train/@eaDir/x",
    ):
        write(f"own/{name}", b"x")
    path = "own"
    if form == "tar":
        path = "own.tar"
        with tarfile.open(path, "w") as packed:
            packed.add("own", ".")
    assert left_out(path) == {".txt": 1, ".\\xe9": 1, "folder .\\xe9": 1, "folder @eaDir": 1}
    job = FetchJob(dataset="mine", source={"source": "class_folders", "path": path})
    fetch.run(job)
    told = read_json("data/raw/mine/manifest.json")["left_out"]
    assert {entry["first"].removeprefix("own/") for entry in told} == {
        r"train/ant/\xe9.txt", r"train/ant/1.\xe9", r".\xe9", "train/@eaDir"
    }  # fmt: skip


def test_a_class_whose_name_is_not_utf_8_is_refused_so_and_nothing_is_written():
    folders()
    Path("own/train", os.fsdecode(b"\xe9")).mkdir()
    refused(r"own/train/\xe9 has a name that is not UTF-8. Rename it", source="class_folders", path="own")
    with pytest.raises(UserError, match="not UTF-8"):
        fetch.run(FetchJob(dataset="mine", source={"source": "class_folders", "path": "own"}))
    assert not Path("data").exists()


def test_every_sentence_can_be_printed_whatever_names_it_holds():
    strange = os.fsdecode(b"a/\xff.png")
    said = str(UserError(" and ".join([strange, "x" * 5000, "\ud800", "are wrong."])))
    said.encode()
    assert r"a/\xff.png" in said and len(said) < 600 and "xxx..." in said


def test_folders_and_images_beside_the_splits_are_counted():
    folders()
    for k in range(3):
        write(f"own/unlabelled/{k}.png", picture(k))
    write("own/example.png", picture(0))
    assert left_out() == {"in unlabelled/": 3, ".png": 1}
    assert read(source="class_folders", path="own")[2] == ["ant", "bee"]


@pytest.mark.parametrize("form", ["zip", "tar"])
def test_of_two_members_of_one_name_the_last_is_taken_and_the_other_counted(form):
    names = ["train/ant/0.png", "train/ant/0.png", "./train/bee/1.png", "train/bee/1.png", "test/ant/2.png"]
    path = f"own.{form}"
    if form == "zip":
        with zipfile.ZipFile(path, "w") as packed, pytest.warns(UserWarning, match="Duplicate"):
            for k, name in enumerate(names):
                packed.writestr(name, picture(k))
    else:
        with tarfile.open(path, "w") as packed:
            for k, name in enumerate(names):
                member = tarfile.TarInfo(name)
                member.size = len(picture(k))
                packed.addfile(member, io.BytesIO(picture(k)))
    train, test, _ = read(source="class_folders", path=path)
    assert (pixels(train), pixels(test)) == ([1, 3], [4])
    assert left_out(path) == {".png": 2}


def test_a_zip_with_the_separators_of_windows_gives_its_classes():
    with zipfile.ZipFile("own.zip", "w") as packed:
        for k, name in enumerate(("train\\ant\\0.png", "train\\bee\\1.png", "test\\bee\\2.png")):
            packed.writestr(name, picture(k))
    train, test, classes = read(source="class_folders", path="own.zip")
    assert (pixels(train), train.labels, pixels(test), test.labels) == ([0, 1], [0, 1], [2], [1])
    assert classes == ["ant", "bee"]


@pytest.mark.parametrize(
    ("name", "form"), [("own.zip", "zip"), ("own.tar.gz", "gztar"), ("own.tar", "tar")]
)
def test_half_an_archive_is_refused_in_one_line(name, form):
    folders()
    whole = Path(shutil.make_archive("packed", form, "own")).read_bytes()
    for part in (len(whole) // 2, 20, 0):
        write(name, whole[:part])
        with pytest.raises(UserError, match=rf"^{name} is damaged: [^\n]+\. Replace it\.$"):
            read(source="class_folders", path=name)


@pytest.mark.skipif(os.name != "posix", reason="rights of folders are those of POSIX")
def test_a_folder_that_may_not_be_read_is_refused_by_name():
    folders()
    Path("own/train/bee").chmod(0)
    Path().chmod(0o755)
    before = os.geteuid()
    try:
        if before == 0:  # who may read everything
            os.seteuid(65534)
        refused("own/train/bee could not be read: Permission denied", source="class_folders", path="own")
    finally:
        os.seteuid(before)
        Path("own/train/bee").chmod(0o755)


# --- Parquet files and lists ---


def files(*names: str) -> None:
    for name in names:
        write(f"own/{name}", parquet([0, 1], ["a", "b"]))


def test_a_whole_file_beside_pieces_is_refused():
    files("train.parquet", "train-00000-of-00001.parquet", "test.parquet")
    refused(
        "own holds train.parquet beside train-00000-of-00001.parquet: each would be the whole split",
        source="parquet",
        path="own",
    )


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (
            ["train-00001-of-00002", "test"],
            "holds train-00001-of-00002.parquet, one of 2 pieces, but no number 0",
        ),
        (["train-00000-of-00003", "train-00002-of-00003", "test"], "one of 3 pieces, but no number 1"),
        (["train-00000-of-00002", "train-00001-of-00003", "test"], "pieces of two sets: of 2 and of 3"),
        (
            ["train-00000-of-00001-aa", "train-00000-of-00001-bb", "test"],
            "one of 1 pieces, but others twice",
        ),
        (["train", "test-00000-of-00002"], "one of 2 pieces, but no number 1"),
        (["train-00000-of-00001", "train-more", "test"], "train-00000-of-00001.parquet beside train-more"),
        (
            ["train", "validation"],
            "own/test.parquet is missing: own holds train.parquet, validation.parquet",
        ),
        (["test"], "own/train.parquet is missing: own holds test.parquet"),
        (["data/train", "data/test"], "the files are in own/data, so name that as `path`"),
    ],
)
def test_sets_of_pieces_that_are_not_whole_and_halves_of_a_split_are_refused(names, says):
    files(*(f"{name}.parquet" for name in names))
    refused(says, source="parquet", path="own")


@pytest.mark.parametrize("first", [0, 1])
def test_pieces_are_read_in_the_order_of_their_numbers(first):
    for k in range(11):
        write(f"own/train-{first + k}-of-11.parquet", parquet([k % 2] * (k + 1), ["a", "b"]))
    write("own/test-00000-of-00001-0123abcd.parquet", parquet([0], ["a", "b"]))
    train, _, _ = read(source="parquet", path="own")
    assert train.labels == [k % 2 for k in range(11) for _ in range(k + 1)]


@pytest.mark.parametrize(
    ("names", "says"),
    [
        (["train-1", "train-3"], "holds train-3.parquet, a piece by its name, but no number 2"),
        (["train-2", "train-3"], "but no number 1"),
        (["train-3"], "but no number 1"),
        (["train-0", "train-00002"], "but no number 1"),
        (["train-1", "train-01"], "but 1 is there twice"),
        (["train-1", "train-more"], "holds train-more.parquet beside train-1.parquet"),
        (["train-1", "train"], "beside train-1.parquet: each would be the whole split"),
        (["train-1", "train-00000-of-00001"], "beside train-1.parquet: each would be the whole split"),
    ],
)
def test_pieces_that_say_not_of_how_many_are_refused_where_one_lacks(names, says):
    files("test.parquet", *(f"{name}.parquet" for name in names))
    refused(says, source="parquet", path="own")


@pytest.mark.parametrize("first", [0, 1])
def test_pieces_that_say_not_of_how_many_are_read_in_the_order_of_their_numbers(first):
    for k in range(11):
        write(f"own/train-{first + k}.parquet", parquet([k % 2] * (k + 1), ["a", "b"]))
    files("test.parquet")
    assert read(source="parquet", path="own")[0].labels == [k % 2 for k in range(11) for _ in range(k + 1)]


@pytest.mark.parametrize("name", ["train-00000-of-00003", "test-2-of-2", "train-00000-of-00002-0123abcd"])
def test_one_of_several_pieces_is_no_dataset_and_the_advice_gives_right_data(name):
    files(f"{name}.parquet")
    refused(
        "pieces by its name, and alone not the whole", source="parquet", path=f"own/{name}.parquet", pool=2
    )
    Path(f"own/{name}.parquet").rename("own/some.parquet")
    write("own/some.parquet", parquet([0, 1, 0, 1], ["a", "b"]))
    assert read(source="parquet", path="own/some.parquet", pool=2)[2] == ["a", "b"]


def test_all_that_lies_beside_parquet_files_is_counted():
    files("train.parquet", "test.parquet", "more/train.parquet", "old.parquet")
    for name in (
        "images/1.png",
        "labels.csv",
        "x.arrow",
        "train.parquet.crdownload",
        "README",
        "@eaDir/1.png",
    ):
        write(f"own/{name}", b"x")
    assert left_out(source="parquet") == {
        ".parquet": 2, ".png": 1, ".csv": 1, ".arrow": 1, ".crdownload": 1, "without an ending": 1,
        "folder @eaDir": 1,
    }  # fmt: skip


def test_all_that_lies_beside_lists_and_their_images_is_counted():
    for k in range(4):
        write(f"own/images/{k}.png", picture(k))
    for k, name in enumerate(("train.txt", "test.txt", "images/notes.txt")):
        write(f"own/{name}", f"images/{k}.png 0\n")
    for name in ("images/a.heic", "images/a.jxl", "images/scan", "train.csv", "@eaDir/1.png"):
        write(f"own/{name}", picture(9))
    everything = {".heic": 1, ".jxl": 1, "without an ending": 1, ".csv": 1, ".txt": 1, "folder @eaDir": 1}
    assert left_out(source="list_file") == everything | {".png": 2}
    # Of one list the folders that it takes images out of.
    write("own/all.txt", "images/0.png 0\nimages/1.png 0\n")
    alone = left_out("own/all.txt", "list_file")
    assert alone == {".heic": 1, ".jxl": 1, "without an ending": 1, ".txt": 1, ".png": 2}


def test_an_image_that_a_list_names_by_a_link_is_not_left_out():
    write("own/images/0.png", picture(0))
    Path("own/link.png").symlink_to("images/0.png")
    for split in ("train", "test"):
        write(f"own/{split}.txt", "link.png 0\n")
    assert left_out(source="list_file") == {}


def test_parquet_files_and_lists_that_are_no_split_are_counted():
    files("train.parquet", "test.parquet", "unsupervised.parquet")
    assert left_out(source="parquet") == {".parquet": 1}
    for k in range(4):
        write(f"lists/{k}.png", picture(k))
    for k, name in enumerate(("train.txt", "test.txt", "README.txt")):
        write(f"lists/{name}", f"{k}.png 0\n")
    assert left_out("lists", "list_file") == {".txt": 1, ".png": 2}


# --- in words ---


def test_words_name_the_most_frequent_kinds_and_how_many_more_there_are():
    found = LeftOut()
    for k in range(MOST + 3):
        found.add(f".k{k:02}", "why", f"first{k}", count=k + 1)
    assert str(found).startswith(f"{MOST + 3} .k{MOST + 2} (why), ")
    assert str(found).endswith(", and 3 kinds more")
    again = LeftOut()
    again.update(found)
    again.add(".k00", "why", "later")
    assert again.entries()[-2:] == [
        {"kind": ".k00", "reason": "why", "count": 2, "first": "first0"},
        {"kind": ".k01", "reason": "why", "count": 2, "first": "first1"},
    ]
    assert in_words([]) == "" and not LeftOut()


# --- told anew ---


def test_what_is_left_out_is_in_a_digest_of_its_own_and_not_in_that_of_the_images():
    folders()
    for k in range(3):
        write(f"lists/{k}.png", picture(k))
    for split in ("train", "test"):
        write(f"lists/{split}.txt", "0.png 0\n")
        write(f"files/{split}.parquet", parquet([0], ["a"]))
    write("lists/all.txt", "0.png 0\n1.png 0\n")
    places = {
        "own": "class_folders",
        "lists": "list_file",
        "lists/all.txt": "list_file",
        "files": "parquet",
    }
    for path, source in places.items():
        params = DatasetParams(source=source, path=path)
        before, told = kept_digests("mine", params)
        assert (told == "") == (path in ("own", "files"))
        folder = path.removesuffix("/all.txt")
        seen = {told}
        for name in ("late.heic", "later", "sub/.hidden.png", os.fsdecode(b"\xe9.txt")):
            write(f"{folder}/{name}", b"x")
            found = kept_digests("mine", params)
            assert found[0] == before
            if path != "lists/all.txt" or "/" not in name:
                assert found[1] not in seen
            seen.add(found[1])
        write(f"{folder}/later", b"other content")
        assert kept_digests("mine", params) == found
        for name in ("late.heic", "later", "sub/.hidden.png", os.fsdecode(b"\xe9.txt")):
            Path(folder, name).unlink()
        assert kept_digests("mine", params) == (before, told)
