"""new: an experiment on images of one's own is begun by one command, and nothing is left half written."""

import io
import shutil
from pathlib import Path

import numpy as np
import pytest
from dvc.utils.serialize import _yaml as dvc_yaml
from helpers.params import write
from PIL import Image

from jointnn.__main__ import main
from jointnn.data.parquet import to_parquet
from jointnn.data.selection import draw_pool
from jointnn.data.source import Images
from jointnn.io.yaml import read_yaml
from jointnn.parameters import search
from jointnn.parameters.load import read_params
from jointnn.stages.tools.new import pool_of


@pytest.fixture(autouse=True)
def _a_project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write({})


def folders(name: str, count: int = 12, side: int = 40, grey: bool = False, split: bool = True) -> str:
    """Class folders of own images, with a test split or without."""
    drawn = np.random.default_rng(count)
    for part in ("train", "test") if split else ("",):
        for label in ("ash", "oak"):
            folder = Path("my_data", name, part, label)
            folder.mkdir(parents=True)
            for k in range(count):
                pixels = drawn.integers(0, 256, (side, side + 3, 1 if grey else 3), dtype=np.uint8)
                Image.fromarray(pixels.squeeze()).save(folder / f"{k}.png")
    return f"my_data/{name}"


def new(*words: str) -> int:
    return main(["new", "mine", "--images", *words])


def refused(capsys: pytest.CaptureFixture[str], *words: str, name: str = "mine") -> str:
    before = {path: path.read_bytes() for path in Path().rglob("*.yaml")}
    assert main(["new", name, "--images", *words]) == 1
    assert {path: path.read_bytes() for path in Path().rglob("*.yaml")} == before
    return capsys.readouterr().err.removeprefix("error: ").strip()


@pytest.mark.slow
def test_an_experiment_has_sizes_that_fit_its_images_and_says_what_to_type_next(capsys):
    assert new(folders("leaves"), folders("petals", count=20), folders("bark", split=False, side=70)) == 0
    params = read_params()
    mine = params.experiments["mine"]
    assert mine.datasets == ["leaves", "petals", "bark"]
    assert (mine.image_size, mine.channels, mine.architecture) == (32, 3, "small_conv")
    assert params.datasets["bark"].pool == 18 and params.datasets["leaves"].pool is None
    assert mine.validation_images == 4  # a quarter of the 18 images of bark
    assert mine.seeds == [0, 1, 2, 3] and "figure_2_groups" in mine.figures
    assert {len(search.points(mine, method)) for method in mine.methods} == {9}
    assert "mine" in params.versioned
    said = capsys.readouterr().out
    assert (
        "  petals: 40 images for training and validation, 40 for the test, 2 classes (ash, oak)\n" in said
    )
    for call in ("snakemake -n mine", "snakemake search_mine", "snakemake mine"):
        assert call in said
    assert "45 points, 54,000 steps of a network" in said


def test_grey_images_have_one_channel_and_large_ones_a_network_with_residual_blocks():
    assert new(folders("a", grey=True, side=64), folders("b", grey=True, side=90)) == 0
    mine = read_params().experiments["mine"]
    assert (mine.image_size, mine.channels, mine.architecture) == (64, 1, "small_resnet")
    assert mine.seeds == [0, 1, 2] and "figure_2_groups" not in mine.figures  # two have no groups


@pytest.mark.slow
def test_validation_leaves_an_image_of_each_class_to_train_on():
    folders("leaves")
    Path("my_data/leaves/train/elm").mkdir()
    for k in range(2):
        Path("my_data/leaves/train/ash", f"{k}.png").rename(Path("my_data/leaves/train/elm", f"{k}.png"))
    Path("my_data/leaves/test/elm").mkdir()
    Path("my_data/leaves/test/ash/0.png").rename("my_data/leaves/test/elm/0.png")
    assert new("my_data/leaves", folders("petals")) == 0
    assert read_params().experiments["mine"].validation_images == 3


@pytest.mark.parametrize(("counts", "pool"), [((8, 8), 12), ((6, 7), 10), ((100, 10), 14), ((2, 50, 9), 3)])
def test_the_test_has_images_of_the_rarest_class(counts, pool):
    assert pool_of(counts) == pool
    members = [label for label, count in enumerate(counts) for _ in range(count)]
    images = Images([b""] * len(members), members, [""] * len(members), [""] * len(members))
    parts = draw_pool(images, pool, [str(label) for label in range(len(counts))], "own")
    assert all(set(part.labels) == set(members) for part in parts)


def test_names_that_are_taken_or_are_none_get_others():
    assert new(folders("first"), folders("2nd Bark")) == 0
    assert read_params().experiments["mine"].datasets == ["mine_first", "set_2nd_bark"]


@pytest.mark.parametrize("own", ["experiments: {}\n", "experiments:\n  toy: toy\n  # mine\n\n"])
def test_params_yaml_gets_a_line_and_keeps_all_else(own):
    text = f"# mine\ndefault: [toy]\n{own}# sweeps\nsweeps: {{}}\ndatasets: {{}}\npresets: {{}}\n"
    Path("params.yaml").write_text(text)
    assert new(folders("leaves"), folders("petals")) == 0
    after = Path("params.yaml").read_text()
    assert read_yaml("params.yaml")["experiments"]["mine"] == "mine"
    assert after.replace("  mine: mine\n", "").replace("experiments:\n#", "experiments: {}\n#") == text


def test_dvc_leaves_what_is_written_as_it_is():
    assert new(folders("leaves"), folders("petals")) == 0
    for file in ("params/experiments/mine.yaml", "params/grids/mine.yaml"):
        text, stream = Path(file).read_text(), io.StringIO()
        dvc_yaml._dump(dvc_yaml.parse_yaml_for_update(text, file), stream)
        assert stream.getvalue() == text
        assert "&" not in text


def test_parquet_files_may_have_a_readme_beside_them():
    for name in ("leaves", "petals"):
        images = Images()
        for k in range(24):
            pixels = np.random.default_rng(k).integers(0, 256, (16, 16, 3), dtype=np.uint8)
            buffer = io.BytesIO()
            Image.fromarray(pixels).save(buffer, "PNG")
            images.add(buffer.getvalue(), k % 2, f"{k}.png", "")
        for split in ("train", "test"):
            Path("my_data", name).mkdir(parents=True, exist_ok=True)
            Path("my_data", name, f"{split}.parquet").write_bytes(to_parquet(images, ["ash", "oak"]))
        Path("my_data", name, "README.md").write_text("# hi\n")
    Path("my_data/petals/train.parquet").rename("my_data/bark.PARQUET")
    shutil.copytree("my_data/leaves", "my_data/petals", dirs_exist_ok=True)
    assert new("my_data/leaves", "my_data/petals", "my_data/bark.PARQUET") == 0


@pytest.mark.slow
def test_classes_are_named_where_folders_leave_them_unclear(capsys):
    leaves = folders("leaves")
    for name in ("train station", "test site", "toy train", "toy test"):
        shutil.copytree("my_data/leaves/train/ash", f"my_data/sites/{name}")
    assert "name them with `classes`" in refused(capsys, leaves, "my_data/sites")
    names = ["train station", "test site", "toy train", "toy test"]
    assert new(leaves, "my_data/sites", "--classes", "my_data/sites", *names) == 0
    assert read_params().datasets["sites"].classes == names
    assert "give one of the paths of --images" in refused(
        capsys, leaves, leaves, "--classes", "sites", "a", name="two"
    )


@pytest.mark.slow
def test_what_cannot_be_begun_is_one_sentence_and_nothing_is_written(capsys):
    leaves, petals = folders("leaves"), folders("petals")
    assert refused(capsys, leaves) == (
        "--images my_data/leaves: joint learning needs at least two datasets; name more."
    )
    assert refused(capsys, leaves, "my_data/petal") == (
        "--images my_data/petal: there is no such file or folder; did you mean 'petals'?"
    )
    assert refused(capsys, leaves, petals, name="toy") == (
        "'toy' is taken: there is params/experiments/toy.yaml. Choose another name."
    )
    assert "must hold small letters" in refused(capsys, leaves, petals, name="My-own")
    assert "a rule of the workflow has this name" in refused(capsys, leaves, petals, name="train")
    Path("my_data/none").mkdir()
    assert refused(capsys, leaves, "my_data/none").startswith(
        "my_data/none is empty. Expected: train/<class>"
    )
    Path("my_data/one/oak").mkdir(parents=True)
    Path("my_data/leaves/train/oak/0.png").rename("my_data/one/oak/0.png")
    assert "my_data/one holds images of one class, 'oak'." in refused(capsys, petals, "my_data/one")
    Path("my_data/leaves/train/oak/1.png").write_bytes(b"no image")
    assert "1.png is no image of a known format" in refused(capsys, leaves, petals)
