"""Doubts about the size that a file claims: labels, archives, Parquet files, links out of them."""

import bz2
import gzip
import io
import lzma
import struct
import tarfile
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from helpers.dataset import parquet, picture, read, refused, write
from helpers.tiff import tiff
from PIL import Image

from jointnn.data import bounds
from jointnn.data.archives import read_tree
from jointnn.data.bounds import Bounded, counted_classes, most_unpacked
from jointnn.data.images import decode
from jointnn.data.parquet import from_parquet, labels_from_parquet
from jointnn.data.schema import DatasetParams
from jointnn.errors import UserError

ZEROS = bytes(100_000_000)
HUNDRED = 100
"""So many pieces of 100 MB make a bomb of 10 GB."""


@pytest.fixture(autouse=True)
def _in_an_empty_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize("label", ["20240131", "100000", "9223372036854775807", "9" * 18])
def test_a_label_that_is_no_number_of_a_class_is_refused_before_anything_is_built_from_it(label):
    write("own/a.png", picture(1))
    write("own/all.txt", f"a.png 0\na.png {label}\na.png 1\n")
    tracemalloc.start()
    fields = {"source": "list_file", "path": "own/all.txt", "pool": 2}
    if len(label) < 19:
        refused(
            f"own/all.txt, line 2: own/a.png has the label {label}, but at most 100,000 classes", **fields
        )
        write("own.parquet", parquet([0, int(label), 1], []))
        fields = {"source": "parquet", "path": "own.parquet", "pool": 2}
        refused(f"row 1 has the label {label}, but at most 100,000 classes", **fields)
    else:
        refused(f"line 2: 'a.png {label}' does not end with an integer label", **fields)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 50_000_000  # a list of so many classes takes 160 MB and more; of a hundred thousand, 1


def test_a_line_of_thousands_of_digits_is_shown_in_part():
    write("own/all.txt", f"a.png {'9' * 5000}\n")
    with pytest.raises(UserError, match="does not end with an integer label") as error:
        read(source="list_file", path="own/all.txt", pool=2)
    assert len(str(error.value)) < 400


def test_a_setting_raises_or_lowers_the_bound_and_other_datasets_keep_their_identity():
    assert counted_classes([0, 100_000], ["a", "b"], 200_000)[-1] == "100000"
    with pytest.raises(
        UserError, match=r"^b has the label 7, but at most 7 classes are read, counted from 0"
    ):
        counted_classes([0, 7], ["a", "b"], 7)
    assert counted_classes([], [], None) == ["0"]
    plain = DatasetParams(source="list_file", path="own")
    assert "most_classes" not in plain.of_fetch()
    assert DatasetParams(source="list_file", path="own", most_classes=9).of_fetch()["most_classes"] == 9
    with pytest.raises(UserError, match="takes no `most_classes`"):
        read(source="optical_digits", pool=100, most_classes=9)


def header_of(name: str, size: int, kind: bytes = tarfile.REGTYPE) -> bytes:
    member = tarfile.TarInfo(name)
    member.size, member.type = size, kind
    return member.tobuf(tarfile.GNU_FORMAT)


@pytest.mark.slow  # 100 MB are packed
@pytest.mark.parametrize("kind", [tarfile.REGTYPE, tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME])
@pytest.mark.parametrize(("ending", "pack"), [("gz", gzip.compress), ("bz2", bz2.compress)])
def test_a_packed_tar_file_of_ten_gigabytes_is_refused(ending, pack, kind):
    one = header_of("train/cat/1.png", len(ZEROS) * HUNDRED, kind)
    write(f"own.tar.{ending}", pack(one) + pack(ZEROS) * HUNDRED)
    assert Path(f"own.tar.{ending}").stat().st_size < 11_000_000
    refused(f"own.tar.{ending} has ", source="class_folders", path=f"own.tar.{ending}")


def test_many_members_that_are_small_alone_are_counted_together(monkeypatch):
    monkeypatch.setattr(bounds, "AT_LEAST", 1_000_000)
    for ending, pack in (("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress)):
        members = b"".join(header_of(f"train/cat/{i}.png", 1 << 19) + bytes(1 << 19) for i in range(3))
        write(f"own.tar.{ending}", pack(members + bytes(1024)))
        with pytest.raises(UserError, match="holds more than 1,000,000: no images are packed so well"):
            read_tree(Path(f"own.tar.{ending}"))


def test_a_sparse_member_that_claims_what_the_stream_does_not_hold_is_refused():
    with tarfile.open("own.tar", "w") as file:
        file.addfile(tarfile.TarInfo("train/cat/0.png"))
    start = header_of("train/cat/1.png", 0, tarfile.GNUTYPE_SPARSE)
    sparse = bytearray(start)
    sparse[483:495] = b"%011o\0" % (10 * len(ZEROS) * HUNDRED)  # its real size
    total = sum(sparse[:148]) + sum(sparse[156:512]) + 8 * 32
    sparse[148:156] = b"%06o\0 " % total
    write("own.tar", bytes(sparse) + Path("own.tar").read_bytes())
    refused("own.tar has ", source="class_folders", path="own.tar")


@pytest.mark.slow  # 100 MB are packed
def test_a_zip_file_of_ten_gigabytes_is_refused():
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("train/cat/1.png", ZEROS)
    content = packed.getvalue()
    (begin,) = struct.unpack("<I", content[-6:-2])
    local, entry = content[:begin], content[begin:-22]
    entries = b"".join(entry[:42] + struct.pack("<I", k * len(local)) + entry[46:] for k in range(HUNDRED))
    end = struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, HUNDRED, HUNDRED, len(entries), HUNDRED * begin, 0)
    write("own.zip", local * HUNDRED + entries + end)
    assert Path("own.zip").stat().st_size < 11_000_000
    refused("own.zip has ", source="class_folders", path="own.zip")


@pytest.mark.parametrize(
    "kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE]
)
def test_a_member_that_is_no_file_and_no_folder_is_refused(kind):
    member = tarfile.TarInfo("train/cat/1.png")
    member.type, member.linkname = kind, "../../secret.png"
    with tarfile.open("own.tar", "w") as file:
        file.addfile(member)
    refused(
        "own.tar: its member 'train/cat/1.png' is a link or device", source="class_folders", path="own.tar"
    )
    device = {tarfile.CHRTYPE: 0o020000, tarfile.BLKTYPE: 0o060000, tarfile.FIFOTYPE: 0o010000}
    info = zipfile.ZipInfo("train/cat/1.png")
    info.external_attr = (device.get(kind, 0o120000) | 0o644) << 16
    with zipfile.ZipFile("own.zip", "w") as file:
        file.writestr(info, "x")
    refused(
        "own.zip: its member 'train/cat/1.png' is a link or device", source="class_folders", path="own.zip"
    )


def images_of(contents: list[bytes], **options: object) -> bytes:
    rows = [{"bytes": content, "path": "a.png"} for content in contents]
    buffer = io.BytesIO()
    pq.write_table(pa.table({"image": rows, "label": [0] * len(rows)}), buffer, **options)
    return buffer.getvalue()


@pytest.mark.parametrize("dictionary", [False, True])
def test_a_parquet_file_that_holds_more_than_images_can_be_is_refused(monkeypatch, dictionary):
    whole = [bytes([k % 7]) * 10_000 for k in range(1000)]
    content = images_of(whole, compression="zstd", use_dictionary=dictionary)
    assert from_parquet(content, "a.parquet")[0].content == whole
    monkeypatch.setattr(bounds, "AT_LEAST", 1_000_000)
    monkeypatch.setattr(bounds, "TIMES", 10)
    with pytest.raises(UserError, match=r"^a\.parquet has [\d,]+ bytes and holds more than 1,000,000"):
        from_parquet(content, "a.parquet")


def test_a_parquet_file_of_more_rows_than_bytes_is_refused():
    buffer = io.BytesIO()
    table = pa.table({"image": pa.nulls(50_000, pa.struct({"bytes": pa.binary()})), "age": [1.0] * 50_000})
    pq.write_table(table, buffer)
    file = write("a.parquet", buffer.getvalue())
    assert file.stat().st_size < 50_000
    with pytest.raises(UserError, match=r"^a\.parquet is damaged: it says to have 50,000 rows, in"):
        labels_from_parquet(file, ["age"])


def test_a_flipped_bit_in_a_parquet_file_with_check_sums_is_noticed():
    content = images_of([picture(k) for k in range(20)], write_page_checksum=True, compression="none")
    start = content.index(b"IDAT")
    damaged = content[:start] + bytes([content[start] ^ 1]) + content[start + 1 :]
    with pytest.raises(UserError, match=r"^a\.parquet is damaged"):
        from_parquet(damaged, "a.parquet")


def test_a_bounded_stream_is_the_stream_up_to_its_bound():
    content = bytes(range(256)) * 10
    stream = Bounded(io.BytesIO(content), "a", 1)
    assert stream.read(5) + stream.read() == content
    assert (stream.seek(7), stream.tell(), stream.read(2)) == (7, 7, content[7:9])
    with pytest.raises(UserError, match="holds more than"):
        stream.read(most_unpacked(1) + 1)
    with pytest.raises(UserError, match="holds more than"):
        stream.seek(most_unpacked(1) + 1)


SIDE = 15_000
LIES = {
    "BMP": (18, "<ii"),
    "PNG": (16, ">II"),
    "GIF": (6, "<HH"),
    "QOI": (4, ">II"),
    "TGA": (12, "<HH"),
    "DDS": (12, "<II"),
}
"""Where the size of a picture stands, and how."""


@pytest.mark.parametrize("name", LIES)
def test_a_header_that_promises_more_pixels_than_its_file_can_hold_is_refused(name):
    buffer = io.BytesIO()
    Image.effect_noise((16, 16), 90).convert("RGB").save(buffer, name)
    content = bytearray(buffer.getvalue())
    place, code = LIES[name]
    struct.pack_into(code, content, place, SIDE, SIDE)
    if name == "GIF":  # of the screen; the picture lies in it
        struct.pack_into(code, content, content.index(b"\x2c\0\0\0\0") + 5, SIDE, SIDE)
    if name == "PNG":
        struct.pack_into(">I", content, 29, zlib.crc32(content[12:29]))
    tracemalloc.start()
    with pytest.raises(UserError, match=rf"^a is damaged: it says to have {SIDE} x {SIDE} pixels, and its"):
        decode(bytes(content), "a")
    assert tracemalloc.get_traced_memory()[1] < 10_000_000
    tracemalloc.stop()


@pytest.mark.parametrize("compressed", [False, True])
def test_a_tiff_that_promises_more_pixels_than_it_holds_is_refused(compressed):
    content = bytearray(tiff(np.zeros((16, 16), np.uint8), compressed=compressed))
    for tag in (256, 257, 278):
        place = content.index(struct.pack("<HHI", tag, 3, 1)) + 8
        struct.pack_into("<H", content, place, SIDE)
    with pytest.raises(UserError, match=rf"^a is damaged: it says to have {SIDE} x {SIDE} pixels, and its"):
        decode(bytes(content), "a")


@pytest.mark.slow
@pytest.mark.parametrize(("name", "options"), [
    ("PNG", {}), ("GIF", {}), ("QOI", {}), ("TGA", {"compression": "tga_rle"}), ("PCX", {}), ("BMP", {}),
    ("TIFF", {"compression": "tiff_lzw"}), ("TIFF", {"compression": "tiff_adobe_deflate"}),
    ("TIFF", {"compression": "packbits"}), ("TIFF", {"compression": "group4"}), ("PPM", {}),
])  # fmt: skip
def test_a_picture_that_is_packed_as_well_as_can_be_is_read(name, options):
    met = 0
    for mode in ("1", "L", "RGB"):
        buffer = io.BytesIO()
        try:
            Image.new(mode, (3000, 2000), "white").save(buffer, name, **options)
        except (OSError, ValueError):  # not every format has such images
            continue
        else:
            assert np.asarray(decode(buffer.getvalue(), "").convert("L")).min() == 255
            met += 1
    assert met


@pytest.mark.parametrize("name", ["WEBP", "AVIF", "QOI"])
def test_zeros_in_place_of_the_rest_of_a_picture_are_refused_and_those_behind_it_are_not(name):
    noise = Image.effect_noise((80, 60), 90).convert("RGB")
    met = 0
    for options in ({}, {"lossless": True}) if name == "WEBP" else ({},):
        buffer = io.BytesIO()
        noise.save(buffer, name, **options)
        content = buffer.getvalue()
        for share in (0.3, 0.5, 0.8):
            place = int(len(content) * share)
            lost = bytes(len(content) - place)
            if len(lost) >= bounds.ZEROS:
                met += 1
                with pytest.raises(UserError, match=r"^a is damaged: .*(zeros|decode|[Ff]ail)"):
                    decode(content[:place] + lost, "a")
        if name != "AVIF":  # nothing says where it ends
            whole = decode(content, "a")
            assert np.array_equal(np.asarray(decode(content + bytes(4096), "a")), np.asarray(whole))
    assert met
