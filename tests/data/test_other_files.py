"""What is no image that is read is named by its content, whatever its name says."""

import gzip
import io
import tarfile
import zipfile

import numpy as np
import pytest
from helpers.dataset import picture

from jointnn.data.images import decode
from jointnn.data.other_files import HAS_PLUGIN, describe
from jointnn.errors import UserError

HAS_IT = "pillow-heif is installed"


def box(brand: bytes) -> bytes:
    return b"\0\0\0\x18ftyp" + brand + b"\0\0\0\0mif1heic" + bytes(500)


def packed(kind: str) -> bytes:
    buffer = io.BytesIO()
    if kind == "zip":
        with zipfile.ZipFile(buffer, "w") as file:
            file.writestr("1.png", picture(1))
    else:
        with tarfile.open(fileobj=buffer, mode="w") as file:
            file.addfile(tarfile.TarInfo("1.png"))
    return buffer.getvalue()


def array() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.zeros((4, 4)))
    return buffer.getvalue()


KINDS = {
    "is a JPEG XL, which is not read. Save it as PNG": [
        b"\xff\x0a\xfa\x1f" + bytes(90), b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(90),
    ],
    "is SVG: a drawing, not pixels. Export it as PNG": [
        b'<svg xmlns="http://www.w3.org/2000/svg"/>',
        b'<?xml version="1.0"?>\n<!-- Inkscape -->\n<svg width="4">',
        b'\xef\xbb\xbf\n <!DOCTYPE svg PUBLIC "x">\n<SVG>',
    ],
    "is a PDF: pages, not pixels. Export its pages": [b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj"],
    "is PostScript: a drawing": [b"%!PS-Adobe-3.0 EPSF-3.0\n"],
    "is a pointer of Git LFS in place of the file. Fetch the file itself with `git lfs pull`": [
        b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 123\n",
    ],
    "is a pointer of git-annex in place of the file. Fetch the file itself with `git annex get`": [
        b"/annex/objects/SHA256E-s123--4d7a.jpg\n",
    ],
    "is a web page (HTML), as servers send": [
        b"<!DOCTYPE html><html><body>404 Not Found</body></html>", b"\n\n<html lang='en'>",
        b"<?xml version='1.0'?><!DOCTYPE html PUBLIC 'x'><html>", b"<HEAD><TITLE>302 Found</TITLE></HEAD>",
        b"<!-- made by a server -->\n<html>", b"<!doctype html>\n<html><svg/></html>",
        b"<!-- of a server --><html><body><svg/></body></html>",
    ],
    "is raw data of a camera. Develop it": [
        b"FUJIFILMCCD-RAW 0201", b"IIRO\x08\0", b"\0\0\0\x18ftypcrx \0\0",
    ],
    "is a film. Export its frames": [
        box(b"isom"), box(b"qt  "), b"RIFF\0\0\0\0AVI LIST", b"\x1a\x45\xdf\xa3",
    ],
    "is a zip archive. Unpack it": [packed("zip")],
    "is a tar archive. Unpack it": [packed("tar")],
    "is packed by gzip. Unpack it": [gzip.compress(picture(1))],
    "is an array of NumPy, which is not read": [array()],
    "is a picture of DICOM, which is not read": [bytes(128) + b"DICM\2\0"],
    "is 4,096 zeros: its content was lost": [bytes(4096)],
    "is what macOS keeps beside a file": [b"\0\5\x16\7\0\2\0\0Mac OS X"],
}  # fmt: skip


@pytest.mark.parametrize("said", KINDS)
def test_a_file_under_the_name_of_an_image_is_named_by_its_content_with_a_remedy(said):
    for content in KINDS[said]:
        with pytest.raises(UserError) as error:
            decode(content, "own/a.jpg")
        assert str(error.value).startswith(f"own/a.jpg {said}"), (content[:40], str(error.value))
        assert str(error.value).endswith(".") and "damaged" not in str(error.value)


@pytest.mark.skipif(HAS_PLUGIN, reason=HAS_IT)
@pytest.mark.parametrize("brand", [b"heic", b"heix", b"heim", b"hevc", b"mif1", b"msf1"])
@pytest.mark.parametrize("name", ["a.jpg", "a.heic", "a.png"])
def test_heic_is_named_and_what_reads_it_whatever_its_name_says(brand, name):
    with pytest.raises(UserError) as error:
        decode(box(brand).replace(b"mif1heic", b"heicheic"), name)
    assert str(error.value) == (
        f"{name} is HEIC by its content, which is read where the Python package pillow-heif is installed. "
        "Install it, or save the image as PNG or JPEG."
    )


@pytest.mark.parametrize(
    "content", [b"", b"x", b"a text\n", b"<", b"<xml>", bytes(range(256)), b"\xff\xd8\xff"]
)
def test_nothing_is_said_of_what_is_not_known(content):
    assert describe(content) is None
