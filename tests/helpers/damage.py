"""Files that jobs read, damaged in every way, and what reading them then gives."""

import io
import tarfile
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from hypothesis import strategies as st
from PIL import Image

from helpers.dataset import parquet, picture, two_classes, write
from helpers.params import write as write_params
from helpers.pickles import runs_code
from jointnn.__main__ import main, run_job
from jointnn.data.images import decode
from jointnn.data.parquet import from_parquet
from jointnn.data.schema import DatasetParams
from jointnn.data.source import source_of
from jointnn.errors import refused
from jointnn.io import files
from jointnn.io.tensors import read_some_tensors, read_tensors, write_tensors
from jointnn.jobs.freshness import is_fresh, write_settings
from jointnn.jobs.graph import Jobs
from jointnn.jobs.kept_params import read_kept_params
from jointnn.parameters import load
from jointnn.stages.prepare import read_raw

TABLE = pd.DataFrame(
    {"dataset": ["a", "b", "a"], "split": "train", "step": [1, 2, 3], "value": [0.1, 0.25, 3e-9]}
)
TELLS_ALL = {
    *("png", "zip", "tar", "raw parquet", "tensors", "some tensors"),
    *("json", "manifest", "settings", "record", "kept"),
}
"""Kinds that hold sums of all that they say: no damage of them gives another whole file."""


TENSORS, STATE = "data/prepared/third-8.safetensors", "a/state.safetensors"


@dataclass(frozen=True)
class Damage:
    """A damage to a file.

    Attributes:
        kind: how it is said.
        do: from the bytes that it had to those that it has.
    """

    kind: str
    do: Callable[[bytes], bytes]


def others() -> dict[str, bytes]:
    """Files of other kinds."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as file:
        file.writestr("readme.txt", "no images")
    return {
        "a web page": b"<!DOCTYPE html><html><body>404 Not Found</body></html>",
        "a pickle": runs_code(),
        "a zip file": packed.getvalue(),
        "null bytes": bytes(4096),
        "a text": "café\n".encode("latin-1") * 20,
        "a pointer of Git LFS": b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 123\n",
    }


@st.composite
def damages(draw: st.DrawFn) -> Damage:
    """Draw a damage: cut, flipped, emptied, overwritten, or replaced by a file of another kind."""
    kind = draw(st.sampled_from(["cut", "flipped", "emptied", "overwritten", "replaced"]))
    place = draw(st.floats(0, 1, exclude_max=True))
    if kind == "cut":
        return Damage("cut", lambda content: content[: int(place * len(content))])
    if kind == "flipped":
        places = [place, *draw(st.lists(st.floats(0, 1, exclude_max=True), max_size=3))]
        bit = draw(st.integers(0, 7))

        def flip(content: bytes) -> bytes:
            changed = bytearray(content)
            for each in places:
                changed[int(each * len(content))] ^= 1 << bit
            return bytes(changed)

        return Damage("flipped", flip)
    if kind == "emptied":
        return Damage("emptied", lambda _: b"")
    if kind == "overwritten":
        value, count = draw(st.integers(0, 255)), draw(st.integers(1, 512))

        def overwrite(content: bytes) -> bytes:
            start = int(place * len(content))
            end = min(start + count, len(content))
            return content[:start] + bytes([value]) * (end - start) + content[end:]

        return Damage("overwritten", overwrite)
    name = draw(st.sampled_from(sorted(others())))
    return Damage(f"replaced by {name}", lambda _: others()[name])


@dataclass(frozen=True)
class Kind:
    """A kind of file.

    Attributes:
        path: where one lies; reading must name it.
        read: returns the content that a job gets of it.
    """

    path: str
    read: Callable[[], object]


def kinds() -> dict[str, Kind]:
    """Write a file of each kind into the present folder, which is empty, and return how each is read."""
    two_classes("own")
    write("a/list/0.png", picture(0))
    write("a/list/1.png", picture(1))
    write("a/list/train.txt", "0.png 0\n1.png 1\n")
    write("a/list/test.txt", "0.png 0\n1.png 1\n")
    write("a/own.parquet", parquet([0, 1, 1], ["x", "y"]))
    images = sorted(Path("own").rglob("*.png"))
    with (
        zipfile.ZipFile("a/own.zip", "w", zipfile.ZIP_DEFLATED) as packed,
        tarfile.open("a/own.tar.gz", "w:gz") as tar,
    ):
        for path in images:
            packed.write(path, path.relative_to("own"))
            tar.add(path, path.relative_to("own"))
    pixels = np.random.default_rng(0).integers(0, 256, (24, 24, 3), np.uint8)
    for name in ("png", "jpeg", "tiff", "gif", "webp", "bmp", "ppm"):
        Image.fromarray(pixels).save(
            f"a/photo.{name}", **({"compression": "tiff_lzw"} if name == "tiff" else {})
        )
    write_params({"datasets.third": {"source": "class_folders", "path": "own"}})
    jobs = Jobs(read_kept_params())
    fetch, prepare = jobs.fetch("third"), jobs.prepare("third", 8)
    for job in (fetch, prepare):
        if main([job.stage, write_settings(job)]):
            raise AssertionError("the files could not be made")
    files.write_table("a/history.csv", TABLE)
    files.write_json("a/sigma.json", {"blocks": ["a", "b"], "sigma": [0.25, 1.5]}, seal=True)
    files.keep("a/kept", {"a": [1, 2.5]})
    write_tensors(STATE, {"networks/a/w": pixels[0] / 7, "step": np.array(3.0)}, {"kind": "state"})
    manifest = files.read_json("data/raw/third/manifest.json")
    prepared = {path: path.read_bytes() for path in sorted(Path("data/prepared").glob("*"))}

    def preparing() -> object:
        """Return the files that the job writes, and put back those that it wrote before."""
        try:
            run_job("prepare", Path(prepare.settings_file))
            return {path: path.read_bytes() for path in prepared}
        finally:
            for path, content in prepared.items():
                path.write_bytes(content)

    def of_list() -> object:
        return source_of(DatasetParams(source="list_file", path="a/list")).read()

    photos = {
        name: Kind(f"a/photo.{name}", lambda name=name: pixels_of(f"a/photo.{name}"))  # type: ignore[misc]
        for name in ("png", "jpeg", "tiff", "gif", "webp", "bmp", "ppm")
    }
    return photos | {
        "parquet": Kind("a/own.parquet", lambda: parquet_in("a/own.parquet")),
        "raw parquet": Kind("data/raw/third/train.parquet", lambda: read_raw("third", "train", manifest)),
        "tensors": Kind(TENSORS, lambda: shown(*read_tensors(TENSORS))),
        "some tensors": Kind(STATE, lambda: shown(read_some_tensors(STATE, ("networks",)), {})),
        "zip": Kind("a/own.zip", lambda: packed_in("a/own.zip")),
        "tar": Kind("a/own.tar.gz", lambda: packed_in("a/own.tar.gz")),
        "list": Kind("a/list/train.txt", of_list),
        "table": Kind("a/history.csv", lambda: files.read_table("a/history.csv", *TABLE.columns).to_csv()),
        "json": Kind("a/sigma.json", lambda: files.read_json("a/sigma.json", "sigma")["sigma"]),
        "manifest": Kind("data/raw/third/manifest.json", preparing),
        "settings": Kind(prepare.settings_file, preparing),
        "record": Kind(prepare.record, lambda: is_fresh(prepare)),
        "kept": Kind("a/kept", lambda: files.kept("a/kept")),
        "parameters": Kind("params/experiments/toy.yaml", load.read_params),
    }


def pixels_of(path: str) -> bytes:
    return np.asarray(decode(Path(path).read_bytes(), path).convert("RGB")).tobytes()


def parquet_in(path: str) -> object:
    return decoded(*from_parquet(Path(path).read_bytes(), path))


def decoded(images, classes) -> object:
    for content, place in zip(images.content, images.places, strict=True):
        decode(content, place)
    return images, classes


def shown(arrays, header) -> object:
    return {name: (str(of.dtype), of.shape, of.tobytes()) for name, of in arrays.items()}, header


def packed_in(path: str) -> object:
    splits = source_of(DatasetParams(source="class_folders", path=path)).read()
    return decoded(splits.train, splits.classes), decoded(splits.test, splits.classes)


REFUSED, SAME, ANOTHER = "refused by name", "read as it was", "another whole file"


class DamagedFiles:
    """One file of each kind in the present folder, and what is read of it while it is whole."""

    def __init__(self) -> None:
        self.kinds = kinds()
        self.right = {name: kind.read() for name, kind in self.kinds.items()}

    def outcome(self, name: str, damage: Damage) -> str:
        """Damage a file, read it, put it back, and return what came of it.

        Raises:
            AssertionError: anything but a sentence that names the file was raised, or a damage was not
                noticed though the kind holds sums.
        """
        kind = self.kinds[name]
        path = Path(kind.path)
        before = path.read_bytes()
        damaged = damage.do(before)
        try:
            path.write_bytes(damaged)
            read = kind.read()
        except Exception as error:
            said = refused(error)
            if said is None:
                raise AssertionError(f"{name}, {damage.kind}: {error!r}") from error
            assert path.stem.partition(".")[0] in str(said), (name, damage.kind, str(said))
            return REFUSED
        finally:
            path.write_bytes(before)
        if read == self.right[name]:
            return SAME
        if (name, read) in (("kept", None), ("record", False)):
            return REFUSED  # it is made anew
        assert name not in TELLS_ALL, (name, damage.kind)
        return ANOTHER
