"""One's own images, without code: class folders, archives, lists, Parquet files."""

import io
import struct
import tarfile
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
from helpers.dataset import parquet, picture, pixels, read, refused, two_classes, write

from jointnn.data.digests import ABSENT, source_digest
from jointnn.data.schema import DatasetParams


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("JOINTNN_MIRROR", raising=False)


def test_class_folders_give_the_classes_in_the_order_of_their_names():
    two_classes("own")
    write("own/train/cat/notes.txt", "not an image")
    train, test, classes = read(source="class_folders", path="own")
    assert classes == ["cat", "dog"]
    assert (train.labels, pixels(train)) == ([0, 0, 1, 1], [0, 1, 2, 3])
    assert (test.labels, pixels(test)) == ([0, 0, 1, 1], [100, 101, 102, 103])
    train, _, classes = read(source="class_folders", path="own", classes=["dog", "cat"])
    assert (classes, train.labels) == (["dog", "cat"], [1, 1, 0, 0])


def test_class_folders_without_a_split_are_split_by_the_pool():
    for i in range(6):
        write(f"own/{'ab'[i % 2]}/{i}.png", picture(i))
    train, test, classes = read(source="class_folders", path="own", pool=2)
    assert (train.labels, len(test), classes) == ([0, 1], 4, ["a", "b"])


@pytest.mark.parametrize("archive", ["own.zip", "own.tar", "own.tar.gz"])
@pytest.mark.parametrize("around", ["", "packed/"])
def test_an_archive_gives_what_its_folder_gives_and_is_not_unpacked(archive, around):
    two_classes("own")
    paths = sorted(path for path in Path("own").rglob("*") if path.name != "own")
    if archive.endswith(".zip"):
        with zipfile.ZipFile(archive, "w") as file:
            for path in paths:
                file.write(path, around + path.relative_to("own").as_posix())
    else:
        with tarfile.open(archive, "w:gz" if archive.endswith("gz") else "w") as file:
            for path in paths:
                file.add(path, around + path.relative_to("own").as_posix(), recursive=False)
    before = sorted(Path().rglob("*"))
    train, test, classes = read(source="class_folders", path=archive)
    assert sorted(Path().rglob("*")) == before
    folder_train, folder_test, folder_classes = read(source="class_folders", path="own")
    assert (train.content, train.labels, classes) == (
        folder_train.content,
        folder_train.labels,
        folder_classes,
    )
    assert test.content == folder_test.content


def test_class_folders_refuse_what_is_missing_or_empty():
    refused("own is missing", source="class_folders", path="own")
    write("own/train/cat/1.png", picture(1))
    refused("own/test is missing", source="class_folders", path="own")
    two_classes("own")
    Path("own/train/ant").mkdir()
    refused("no training image has the class 'ant'", source="class_folders", path="own")
    refused("which `classes` does not name", source="class_folders", path="own", classes=["cat", "ant"])
    write("own/train/stray.png", picture(1))
    refused("own/train/stray.png lies in no class folder", source="class_folders", path="own")


def test_links_out_of_a_folder_are_refused():
    two_classes("own")
    secret = write("secret.png", picture(9))
    Path("own/train/cat/9.png").symlink_to(secret.absolute())
    refused("own/train/cat/9.png points outside of own", source="class_folders", path="own")
    Path("own/train/cat/9.png").unlink()
    Path("own/train/cow").symlink_to(Path("own/test/cat").absolute())
    refused("own/train/cow is a link to a folder", source="class_folders", path="own")


@pytest.mark.parametrize("name", ["../x.png", "/x.png", "train/../../x.png", "..\\x.png", "C:\\x.png"])
def test_archive_members_that_point_outside_are_refused(name):
    with zipfile.ZipFile("own.zip", "w") as file:
        file.writestr(name, picture(1))
    refused(f"own.zip: its member {name!r} points outside", source="class_folders", path="own.zip")
    with tarfile.open("own.tar", "w") as file:
        member = tarfile.TarInfo(name)
        file.addfile(member)
    refused(f"own.tar: its member {name!r} points outside", source="class_folders", path="own.tar")


@pytest.mark.parametrize("name", ["B: birds", "C:x", "a: b", "Vögel", "鳥", "AB:", "é"])
def test_members_may_have_any_letters_and_colons_in_their_names(name):
    with zipfile.ZipFile("own.zip", "w") as file, tarfile.open("own.tar", "w") as packed:
        for split in ("train", "test"):
            file.writestr(f"{split}/{name}/1.png", picture(1))
            member = tarfile.TarInfo(f"{split}/{name}/1.png")
            member.size = len(picture(1))
            packed.addfile(member, io.BytesIO(picture(1)))
    for path in ("own.zip", "own.tar"):
        assert read(source="class_folders", path=path)[2] == [name]
    with zipfile.ZipFile("pool.zip", "w") as file:
        for k in range(4):
            file.writestr(f"{name}{k % 2}/{k}.png", picture(k))
    assert len(read(source="class_folders", path="pool.zip", pool=2)[0]) == 2


@pytest.mark.parametrize("name", ["Vögel", "鳥", "Žluť", "cat"])
def test_a_zip_file_that_does_not_say_that_its_names_are_utf_8_is_read_so_where_they_are(name):
    with zipfile.ZipFile("own.zip", "w") as file:
        for split in ("train", "test"):
            file.writestr(f"{split}/{name}/1.png", picture(1))
    content = bytearray(Path("own.zip").read_bytes())
    for begin, flag in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        place = content.find(begin)
        while place >= 0:
            content[place + flag + 1] &= ~0x08
            place = content.find(begin, place + 1)
    write("own.zip", bytes(content))
    assert not any(member.flag_bits & 0x800 for member in zipfile.ZipFile("own.zip").infolist())
    assert read(source="class_folders", path="own.zip")[2] == [name]


def test_a_zip_file_with_names_of_code_page_437_is_read_so():
    with zipfile.ZipFile("own.zip", "w") as file:
        for split in ("train", "test"):
            file.writestr(f"{split}/VQgel/1.png", picture(1))
    write("own.zip", Path("own.zip").read_bytes().replace(b"VQgel", "Vögel".encode("cp437")))
    assert read(source="class_folders", path="own.zip")[2] == ["Vögel"]


@pytest.mark.parametrize(
    ("name", "own"), [("日本", b"\xc8\xd5\xb1\xbe"), ("Žluť", b"\x8elu\x9d"), ("鳥", b"bird")]
)
@pytest.mark.parametrize("belongs", [True, False])
def test_a_zip_file_may_keep_names_in_utf_8_beside_those_of_the_computer(name, own, belongs):
    with zipfile.ZipFile("own.zip", "w") as file:
        for split in ("train", "test"):
            there = f"{split}/".encode() + own + b"/1.png"
            member = zipfile.ZipInfo("x" * len(there))
            told = f"{split}/{name}/1.png".encode()
            field = b"\1" + (zlib.crc32(there) ^ (not belongs)).to_bytes(4, "little") + told
            member.extra = (
                struct.pack("<HH", 0x9999, 2) + b"??" + struct.pack("<HH", 0x7075, len(field)) + field
            )
            file.writestr(member, picture(1))
    content = Path("own.zip").read_bytes()
    for split in (b"train", b"test"):
        there = split + b"/" + own + b"/1.png"
        content = content.replace(b"x" * len(there), there)
    write("own.zip", content)
    found = read(source="class_folders", path="own.zip")[2]
    assert found == [name] if belongs else found != [name]


def test_links_in_archives_and_damaged_archives_are_refused():
    link = zipfile.ZipInfo("train/cat/1.png")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile("own.zip", "w") as file:
        file.writestr(link, "/etc/passwd")
    refused("own.zip: its member 'train/cat/1.png' is a link", source="class_folders", path="own.zip")
    member = tarfile.TarInfo("train/cat/1.png")
    member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
    with tarfile.open("own.tar", "w") as file:
        file.addfile(member)
    refused("own.tar: its member 'train/cat/1.png' is a link", source="class_folders", path="own.tar")
    write("own.zip", b"PK no archive")
    refused("own.zip is damaged", source="class_folders", path="own.zip")
    with tarfile.open("big.tar.gz", "w:gz") as file:
        content = np.random.default_rng(0).bytes(100_000)
        member = tarfile.TarInfo("train/cat/1.png")
        member.size = len(content)
        file.addfile(member, io.BytesIO(content))
    write("big.tar.gz", Path("big.tar.gz").read_bytes()[:50_000])
    refused("big.tar.gz is damaged", source="class_folders", path="big.tar.gz")


@pytest.mark.parametrize("kind", ["zip", "tar", "tar.gz", "tar.bz2", "tar.xz"])
@pytest.mark.parametrize("name", ["own.zip", "own.ZIP", "own.tar", "own.tar.gz", "own.tgz"])
def test_an_archive_is_read_by_its_content_whatever_its_name_says(kind, name):
    two_classes("own")
    before = read(source="class_folders", path="own")
    files = sorted(Path("own").rglob("*.png"))
    if kind == "zip":
        with zipfile.ZipFile(name, "w") as packed:
            for path in files:
                packed.write(path)
    else:
        with tarfile.open(name, f"w:{kind[4:]}") as archive:
            for path in files:
                archive.add(path)
    train, test, classes = read(source="class_folders", path=name)
    assert (pixels(train), pixels(test), classes) == (pixels(before[0]), pixels(before[1]), before[2])
    assert train.labels == before[0].labels


def test_a_tar_file_whose_last_member_is_a_zip_file_is_a_tar_file():
    two_classes("own")
    write("own/train/cat/more.zip", b"")
    with zipfile.ZipFile("own/train/cat/more.zip", "w") as packed:
        packed.writestr("a/1.png", picture(200))
    with tarfile.open("own.tar", "w") as archive:
        for path in [*sorted(Path("own").rglob("*.png")), Path("own/train/cat/more.zip")]:
            archive.add(path)
    train, test, classes = read(source="class_folders", path="own.tar")
    assert (len(train), len(test), classes) == (4, 4, ["cat", "dog"])
    assert sorted(pixels(train)) == [0, 1, 2, 3]


def write_lists() -> None:
    for i in range(4):
        write(f"own/images/number {i}.png", picture(i))
    write("own/train.txt", "# path label\nimages/number 0.png 0\n\nimages/number 1.png 1\n")
    write("own/test.txt", "images/number 2.png 0\nimages/number 3.png 1\n")


def test_list_files_name_images_relative_to_their_own_folder():
    write_lists()
    train, test, classes = read(source="list_file", path="own", classes=["even", "odd"])
    assert (train.labels, pixels(train), classes) == ([0, 1], [0, 1], ["even", "odd"])
    assert (test.labels, pixels(test)) == ([0, 1], [2, 3])
    write("own/all.txt", Path("own/train.txt").read_text() + Path("own/test.txt").read_text())
    train, test, classes = read(source="list_file", path="own/all.txt", pool=2)
    assert (train.labels, test.labels, classes) == ([0, 1], [0, 1], ["0", "1"])


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("../x.png 0", "own/train.txt, line 5: ../x.png points outside of own"),
        ("/etc/x.png 0", "own/train.txt, line 5: /etc/x.png points outside of own"),
        ("images/link.png 0", "own/train.txt, line 5: images/link.png points outside of own"),
        ("images/none.png 0", "own/train.txt, line 5: own/images/none.png could not be read"),
        ("images/x.png cat", "own/train.txt, line 5: 'images/x.png cat' does not end with an integer"),
        ("images/x.png 0.5", "own/train.txt, line 5"),
        ("images/x.png", "own/train.txt, line 5"),
        ("images/number 0.png 2", "line 5: own/images/number 0.png has the label 2, but the 2 classes"),
        ("images/number 0.png -1", "line 5: own/images/number 0.png has the label -1"),
    ],
)
def test_a_wrong_line_of_a_list_is_refused_by_its_number(line, message):
    write_lists()
    Path("own/images/link.png").symlink_to(write("secret.png", picture(1)).absolute())
    write("own/train.txt", Path("own/train.txt").read_text() + line + "\n")
    refused(message, source="list_file", path="own", classes=["even", "odd"])


def test_a_missing_list_is_refused_by_name():
    write_lists()
    Path("own/test.txt").unlink()
    refused("own/test.txt is missing", source="list_file", path="own")
    refused("none.txt is missing", source="list_file", path="none.txt", pool=2)
    assert source_digest(DatasetParams(source="list_file", path="own")) == ABSENT


def test_own_parquet_files_are_read_whole_or_in_pieces_or_split_by_the_pool():
    write("own/train-00000-of-00002.parquet", parquet([0, 1], ["a", "b"]))
    write("own/train-00001-of-00002.parquet", parquet([1, 0], ["a", "b"]))
    write("own/test.parquet", parquet([1], ["a", "b"]))
    train, test, classes = read(source="parquet", path="own")
    assert (train.labels, test.labels, classes) == ([0, 1, 1, 0], [1], ["a", "b"])
    write("own.parquet", parquet([0, 1, 0, 1], ["a", "b"]))
    train, test, _ = read(source="parquet", path="own.parquet", pool=2)
    assert (train.labels, len(test)) == ([0, 1], 2)
    train, _, classes = read(source="parquet", path="own.parquet", pool=2, ignore_labels=True)
    assert (train.labels, classes) == ([0, 0], ["image"])


@pytest.mark.slow
def test_parquet_files_that_do_not_fit_are_refused():
    import pyarrow as pa
    import pyarrow.parquet as pq

    refused("own/train.parquet is missing", source="parquet", path="own")
    write("own/train.parquet", parquet([0, 1], ["a", "b"]))
    refused("own/test.parquet is missing", source="parquet", path="own")
    write("own/test.parquet", parquet([0, 2], ["a", "b"]))
    refused("own/test.parquet, row 1 has the label 2", source="parquet", path="own")
    refused(
        "own/train.parquet names the class 'b', which the dataset's `classes` do not",
        source="parquet",
        path="own",
        classes=["a"],
    )
    write("own/test.parquet", parquet([0, 1], ["a", "b"])[:-100])
    refused("own/test.parquet is damaged", source="parquet", path="own")
    image = {"bytes": picture(0), "path": "0.png"}
    for columns, message in [
        ({"image": [image], "class": [0]}, "own/train.parquet has no column 'label'"),
        ({"image": [image], "label": [0.5]}, "own/train.parquet: `label` is a double"),
        ({"image": ["0.png"], "label": [0]}, "own/train.parquet: `image` is a string"),
        ({"image": [image, image], "label": [0, None]}, "own/train.parquet, row 1 has no label"),
        ({"image": [image, None], "label": [0, 0]}, "own/train.parquet, row 1 has no image bytes"),
    ]:
        pq.write_table(pa.table(columns), "own/train.parquet")
        refused(message, source="parquet", path="own")
    twice = pa.Table.from_arrays(
        [pa.array([image]), pa.array([0]), pa.array([1])], ["image", "label", "label"]
    )
    pq.write_table(twice, "own/train.parquet")
    refused("own/train.parquet has 2 columns named 'label'", source="parquet", path="own")
