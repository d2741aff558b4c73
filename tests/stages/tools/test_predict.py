"""predict: new images through a trained network, by the preprocessing and to the numbers of the run."""

import csv
import io
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers.own_images import CLASSES, inside, run, write_project
from helpers.params import PROJECT
from PIL import Image

import jointnn
from jointnn.__main__ import main
from jointnn.data import splits
from jointnn.io.files import read_table
from jointnn.io.tensors import read_tensors
from jointnn.jobs.graph import Jobs
from jointnn.parameters.load import read_params
from jointnn.stages.build import network_of, prepared_split
from jointnn.tasks.base import predictions
from jointnn.training.checkpoints import load_network

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    """A project with own images; its experiments are run when they are asked for."""
    root, before = tmp_path_factory.mktemp("project"), list(sys.path)
    write_project(root)
    yield root
    sys.path[:] = before


@pytest.fixture
def project(home, monkeypatch):
    """The same as the present folder."""
    monkeypatch.chdir(home)
    return home


@pytest.fixture(scope="module")
def ran(home):
    """Return a function that runs an experiment, once."""
    done = set()

    def once(experiment: str) -> None:
        if experiment not in done:
            with inside(home):
                run(experiment)
            done.add(experiment)

    return once


def predicted(capsys, *words: str | Path, code: int = 0) -> list[dict[str, str]]:
    """The rows that a call prints."""
    capsys.readouterr()
    assert main(["predict", *map(str, words)]) == code, capsys.readouterr().err
    return rows_of(capsys.readouterr().out)


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def refused(capsys, *words: str | Path) -> str:
    """The sentence of a call that is refused."""
    capsys.readouterr()
    assert main(["predict", *map(str, words)]) == 1
    said = capsys.readouterr().err
    assert said.startswith("error: ") and said.count("\n") == 1
    return said


def columns_of(rows: list[dict[str, str]], names: list[str]) -> torch.Tensor:
    return torch.tensor([[float(row[name]) for name in names] for row in rows])


def evidence(experiment: str, name: str) -> np.ndarray:
    return read_tensors(f"results/{experiment}/s0/evidence.safetensors")[0][name]


def scores_of_evaluation(experiment: str, dataset: str) -> torch.Tensor:
    """The scores of the test split as the stage `evaluate` finds them."""
    jobs = Jobs(read_params())
    job, last = jobs.evaluate(experiment, 0), jobs.final(experiment, 0, "isolated")
    network = network_of(job, dataset)
    load_network(f"{last.folder}/state.safetensors", dataset, network, {})
    return predictions(network, prepared_split(job, dataset, test=True)[0])


@pytest.mark.parametrize(
    ("experiment", "dataset"),
    [("mine", "leaves"), ("mine", "petals"), ("grey", "petals"), ("frozen", "leaves"), ("own", "leaves")],
)
def test_the_test_images_get_the_very_scores_of_the_results(project, ran, capsys, experiment, dataset):
    ran(experiment)
    words = [experiment, "--method", "isolated", "--dataset", dataset, f"my_data/{dataset}/test"]
    rows = predicted(capsys, *words)
    assert list(rows[0]) == ["path", "predicted", *(f"probability_{name}" for name in CLASSES)]
    assert sorted(row["path"] for row in rows) == sorted(
        map(str, Path(f"my_data/{dataset}/test").glob("*/*"))
    )
    found = [CLASSES.index(row["predicted"]) for row in rows]
    assert found == evidence(experiment, f"isolated/{dataset}/predicted").tolist()
    probabilities = columns_of(rows, [f"probability_{name}" for name in CLASSES])
    assert torch.equal(probabilities, scores_of_evaluation(experiment, dataset).softmax(1))
    right = np.mean([Path(row["path"]).parent.name == row["predicted"] for row in rows])
    table = read_table(f"results/{experiment}/s0/metrics.csv").set_index(
        ["method", "dataset", "metric", "split"]
    )
    assert right == table.value["isolated", dataset, "accuracy", "test"]


def test_numbers_are_those_of_the_results_in_their_unit(project, ran, capsys):
    ran("ages")
    rows = predicted(capsys, "ages", "--method", "isolated", "--dataset", "old", "my_data/ages/test")
    found = columns_of(rows, ["predicted_age", "predicted_height"])
    assert list(rows[0]) == ["path", "predicted_age", "predicted_height"]
    assert np.array_equal(found.numpy(), evidence("ages", "isolated/old/estimate"))
    assert 20 < found[:, 0].mean() < 80, "in years"


def test_a_transfer_tells_classes_and_an_own_task_what_its_network_gives(project, ran, capsys):
    for experiment in ("told_and_given_back", "told"):
        ran(experiment)
    asked = ["--method", "isolated", "--dataset", "leaves", "my_data/leaves/test"]
    rows = predicted(capsys, "told_and_given_back", *asked)
    found = [CLASSES.index(row["predicted"]) for row in rows]
    assert found == evidence("told_and_given_back", "isolated/leaves/predicted").tolist()
    rows = predicted(capsys, "told", *asked)
    assert torch.equal(
        columns_of(rows, ["predicted_0", "predicted_1"]), scores_of_evaluation("told", "leaves")
    )


def test_images_go_through_the_network_in_the_batches_in_which_they_are_measured(
    project, ran, capsys, monkeypatch
):
    ran("mine")
    monkeypatch.setattr(splits, "VALUES_MEASURED", 5 * 3 * 8 * 8)
    rows = predicted(capsys, "mine", "--method", "isolated", "--dataset", "leaves", "my_data/leaves/test")
    probabilities = columns_of(rows, [f"probability_{name}" for name in CLASSES])
    assert torch.equal(probabilities, scores_of_evaluation("mine", "leaves").softmax(1))
    assert len(rows) == 22 > 4 * 5


def test_a_folder_an_archive_and_images_one_by_one_are_the_same(project, ran, capsys, tmp_path):
    ran("mine")
    asked = ["mine", "--dataset", "leaves"]
    folder = predicted(capsys, *asked, "my_data/leaves/test")
    packed = shutil.make_archive(str(tmp_path / "photos"), "zip", "my_data/leaves/test")
    archive = predicted(capsys, *asked, packed)
    single = predicted(capsys, *asked, *(row["path"] for row in folder))
    assert single == folder
    assert archive[0]["path"] == f"{packed}/oak-red/0.jpg"
    assert [list(row.values())[1:] for row in archive] == [list(row.values())[1:] for row in folder]


def test_what_cannot_be_read_is_named_and_has_an_empty_row(project, ran, capsys, tmp_path):
    ran("mine")
    photos = tmp_path / "photos"
    shutil.copytree("my_data/leaves/test/oak", photos / "deep/er")
    (photos / "broken.jpg").write_bytes(b"\xff\xd8\xff\xe0 cut off")
    (photos / "table.csv").write_text("no image by its name")
    (photos / ".hidden").write_text("no business of ours")
    capsys.readouterr()
    assert (
        main(["predict", "mine", "--dataset", "leaves", str(photos), "--to", str(tmp_path / "a.csv")]) == 1
    )
    said = capsys.readouterr()
    assert said.out == ""
    lines = said.err.splitlines()
    assert lines[0] == f"What is said of 11 images is in {tmp_path}/a.csv."
    assert lines[1] == "Left out: 1 .csv (not an ending of images)."
    assert lines[2].startswith(f"{photos}/broken.jpg is damaged: ")
    assert lines[3] == "error: 1 of 12 images could not be read: see the lines above."
    rows = rows_of((tmp_path / "a.csv").read_text())
    assert list(rows[0].values()) == [f"{photos}/broken.jpg", "", "", ""]
    assert len(rows) == 12 and all(row["predicted"] in CLASSES for row in rows[1:])
    assert predicted(capsys, "mine", "--dataset", "leaves", photos / "broken.jpg", code=1) == [
        {"path": f"{photos}/broken.jpg"}
    ]


def test_a_hole_in_the_middle_is_filled_and_the_rest_is_the_image(project, ran, capsys, tmp_path):
    ran("holes")
    filled, photos = tmp_path / "filled", "my_data/petals/test"
    assert (
        main(
            ["predict", "holes", "--method", "isolated", "--dataset", "petals", photos, "--to", str(filled)]
        )
        == 0
    )
    assert capsys.readouterr().err == f"What was made of 22 images is in {filled}.\n"
    arrays, _ = read_tensors("data/prepared/petals-16-test.safetensors")
    made = sorted(path.relative_to(filled).as_posix() for path in filled.rglob("*.png"))
    assert len(made) == len(arrays["images"]) == 22
    hole = slice(5, 11)  # 22/64 of 16 pixels
    for name, truth in zip(made, arrays["images"].copy(), strict=True):
        pixels = np.asarray(Image.open(filled / name)).transpose(2, 0, 1).copy()
        assert pixels.shape == truth.shape
        assert not np.array_equal(pixels[:, hole, hole], truth[:, hole, hole])
        pixels[:, hole, hole] = truth[:, hole, hole] = 0
        assert np.array_equal(pixels, truth)


def test_reconstructions_are_those_that_the_figures_show(project, ran, tmp_path):
    ran("given_back")
    asked = ["predict", "given_back", "--method", "isolated", "--dataset", "leaves", "my_data/leaves/test"]
    assert main([*asked, "--to", str(tmp_path / "back")]) == 0
    shown = evidence("given_back", "isolated/leaves/reconstructed")
    names = sorted((tmp_path / "back").rglob("*.png"), key=lambda path: path.as_posix())
    assert len(names) == 22
    for name, truth in zip(names, shown, strict=False):
        assert np.array_equal(np.asarray(Image.open(name)).transpose(2, 0, 1), truth)


def test_mistakes_are_one_sentence(project, ran, capsys, tmp_path):
    ran("mine")
    ran("holes")
    photos = Path("my_data/leaves/test")
    assert "Say which, --dataset leaves or petals." in refused(capsys, "mine", photos)
    assert "mine has no dataset 'leavs'; did you mean 'leaves'?" in refused(
        capsys, "mine", "--dataset", "leavs", photos
    )
    assert "No experiment is named 'mien'; did you mean 'mine'?" in refused(capsys, "mien", photos)
    assert "grey was not run for" not in refused(
        capsys, "mine", "--dataset", "leaves", "--seed", "3", photos
    )
    assert "gone is no file and no folder." in refused(capsys, "mine", "--dataset", "leaves", "gone")
    (tmp_path / "empty").mkdir()
    assert "empty holds no image. Names of images end in .png, .jpg" in refused(
        capsys, "mine", "--dataset", "leaves", tmp_path / "empty"
    )
    (tmp_path / "empty/link").symlink_to(photos.absolute())
    assert "empty/link is a link to a folder" in refused(
        capsys, "mine", "--dataset", "leaves", tmp_path / "empty"
    )
    assert "--to: my_data is a folder. Name the CSV file." in refused(
        capsys, "mine", "--dataset", "leaves", photos, "--to", "my_data"
    )
    assert "--threads: 0 must be at least 1." in refused(
        capsys, "mine", "--dataset", "leaves", photos, "--threads", "0"
    )
    holes = ["holes", "--method", "isolated", "--dataset", "leaves"]
    assert "The task completion makes images: say into which folder, --to FOLDER." in refused(
        capsys, *holes, photos
    )
    (tmp_path / "a.png").write_bytes(next(photos.glob("oak/*.png")).read_bytes())
    assert "holds the images themselves. Name another folder." in refused(
        capsys, *holes, tmp_path / "a.png", "--to", tmp_path
    )
    twice = [photos / "oak/0.jpg", photos / "oak-red/0.jpg", photos / "oak/0.jpg"]
    assert "would both become" in refused(capsys, *holes, *twice, "--to", tmp_path / "filled")


def test_a_generator_is_refused_with_what_to_do_instead(project, ran, capsys):
    ran("made")
    said = refused(capsys, "made", "--method", "isolated", "--dataset", "leaves", "my_data/leaves/test")
    assert (
        "makes images and takes none" in said and "network(torch.rand(16, network.latent) * 2 - 1)" in said
    )


def test_a_network_of_other_settings_is_refused(project, ran, capsys):
    ran("mine")
    file = Path("params/experiments/mine.yaml")
    text = file.read_text()
    file.write_text(text.replace("learning_rate: 0.05", "learning_rate: 0.04"))
    try:
        said = refused(capsys, "mine", "--dataset", "leaves", "my_data/leaves/test")
    finally:
        file.write_text(text)
    assert "mine was run for joint, seed 0, with other settings or other images than there are now" in said


def lines_of_docs() -> list[str]:
    """Every line of the README and the docs that calls predict or export."""
    pages = [PROJECT / "README.md", *sorted((PROJECT / "docs").glob("*.md"))]
    text = "\n".join(page.read_text(encoding="utf-8") for page in pages)
    return re.findall(r"^(?:\.venv/bin/python -m )?jointnn ((?:predict|export) .*)$", text, re.MULTILINE)


def test_every_line_of_the_docs_runs_as_it_stands(project, ran, tmp_path, monkeypatch):
    ran("mine")
    lines = lines_of_docs()
    assert len(lines) == 5 and lines[0].startswith("predict mine --dataset leaves")
    shutil.copytree(project, tmp_path / "copy")
    monkeypatch.chdir(tmp_path / "copy")
    shutil.copytree("my_data/leaves/test/oak", "my_photos")
    for line in sorted(lines):  # export before predict
        Path("predictions.csv").unlink(missing_ok=True)
        assert main(line.split()) == 0, line
        if line.startswith("predict"):
            rows = rows_of(Path("predictions.csv").read_text())
            assert len(rows) == 11
            assert list(rows[0]) == ["path", "predicted", *(f"probability_{name}" for name in CLASSES)]
    assert Path("networks/leaves.safetensors").is_file()


# --- elsewhere, with what was exported alone ---


def elsewhere(folder: Path, *words: str | Path, path: str = "", code: int = 0):
    """A call in a folder that is no project."""
    found = os.pathsep.join([str(PROJECT), *([path] if path else [])])
    done = subprocess.run(
        [sys.executable, *map(str, words)],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": found},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == code, done.stderr
    return done


def exported(ran, folder: Path, experiment: str) -> Path:
    """A folder that holds photos, and the exported networks alone."""
    ran(experiment)
    assert main(["export", experiment, "--method", "isolated", "--to", str(folder / "networks")]) == 0
    shutil.copytree("my_data/leaves/test", folder / "photos")
    return folder


@pytest.mark.parametrize("experiment", ["mine", "frozen", "own"])
def test_an_exported_folder_alone_predicts_the_same(project, ran, capsys, tmp_path, experiment):
    folder = exported(ran, tmp_path, experiment)
    with inside(folder / "photos"):
        names = [str(path) for path in Path().rglob("*.*")]
    here = predicted(
        capsys, experiment, "--method", "isolated", "--dataset", "leaves", "my_data/leaves/test"
    )
    code = "networks/code" if experiment == "own" else ""
    call = ["-m", "jointnn", "predict", "networks", "--dataset", "leaves", "photos"]
    there = rows_of(elsewhere(folder, *call, path=code).stdout)
    assert len(there) == len(names)
    assert [list(row.values())[1:] for row in there] == [list(row.values())[1:] for row in here]
    call[3:6] = ["networks/leaves.safetensors"]
    assert len(elsewhere(folder, *call, path=code).stdout.splitlines()) == len(names) + 1


def test_code_of_ones_own_goes_along_and_is_run_only_where_it_is_put_on_the_path(project, ran, tmp_path):
    folder = exported(ran, tmp_path, "own")
    copied = sorted(path.relative_to(folder / "networks/code").as_posix() for path in folder.rglob("*.py"))
    assert copied == ["leaf_parts/__init__.py", "leaf_parts/networks.py", "leaf_parts/parts.py"]
    call = ["-m", "jointnn", "predict", "networks/leaves.safetensors", "photos"]
    said = elsewhere(folder, *call, code=1).stderr
    assert said == (
        "error: networks/leaves.safetensors needs the architecture leaf_parts.networks:tiny, its author's "
        "own, and there is no module 'leaf_parts' here. Its code lies in networks/code: read it, then put "
        "it on Python's path, PYTHONPATH=networks/code.\n"
    )
    assert "export PYTHONPATH=$PWD/code" in (folder / "networks/README.md").read_text()


def test_predicting_with_an_exported_folder_needs_nothing_of_the_pipeline(project, ran, tmp_path):
    folder = exported(ran, tmp_path, "mine")
    program = (
        "import sys; from jointnn.__main__ import main\n"
        "main(['predict', 'networks/leaves.safetensors', 'photos', '--to', 'a.csv'])\n"
        "heavy = {'pandas', 'ruamel', 'snakemake', 'mlflow', 'matplotlib', 'pyarrow'}\n"
        "print(*sorted(heavy & {*sys.modules}))"
    )
    assert elsewhere(folder, "-c", program).stdout == "\n"
    assert (folder / "a.csv").is_file()


def test_the_readme_of_an_exported_folder_runs_as_it_stands(project, ran, tmp_path):
    folder = exported(ran, tmp_path, "mine")
    text = (folder / "networks/README.md").read_text()
    assert "| `petals.safetensors` | petals | oak, oak-red |" in text
    for name in ("one.jpg", "another.jpg", "images/one.jpg"):
        (folder / "networks" / name).parent.mkdir(exist_ok=True)
        shutil.copy(folder / "photos/oak/1.jpg", folder / "networks" / name)
    command = text.split("```sh\n")[1].split("```")[0].split()
    assert command[:2] == ["jointnn", "predict"]
    elsewhere(folder / "networks", "-m", *command)
    code = text.split("```python\n")[1].split("```")[0]
    code += "print(predictor.outputs, found.probabilities.shape)"
    shown = elsewhere(folder / "networks", "-c", code)
    assert shown.stdout == "['oak', 'oak-red'] torch.Size([2, 2])\n"
    rows = rows_of((folder / "networks/predictions.csv").read_text())
    assert [row["path"] for row in rows] == ["images/one.jpg"]


def test_what_is_no_exported_network_is_said_where_one_is_asked_for(
    project, ran, capsys, tmp_path, monkeypatch
):
    folder = exported(ran, tmp_path, "mine")
    monkeypatch.chdir(folder)
    assert "Say which, --dataset leaves or petals." in refused(capsys, "networks", "photos")
    assert "networks has no network of 'leavs'; did you mean 'leaves'?" in refused(
        capsys, "networks", "--dataset", "leavs", "photos"
    )
    assert "leave out --method and --seed" in refused(capsys, "networks", "--seed", "0", "photos")
    one = "networks/leaves.safetensors"
    assert "holds the network of leaves, not of petals" in refused(
        capsys, one, "--dataset", "petals", "photos"
    )
    assert "it is an image" in refused(capsys, "photos/oak/1.jpg", "photos")
    for word in ("mine", "photos/", "gone.safetensors"):
        assert f"{word} is no file of `jointnn export` and no folder of them" in refused(
            capsys, word, "photos"
        )


def test_a_predictor_takes_paths_and_opened_images(project, ran, tmp_path):
    folder = exported(ran, tmp_path, "mine")
    predictor = jointnn.Predictor.load(folder / "networks/leaves.safetensors", device="cpu")
    names = sorted((folder / "photos").glob("*/*"))
    by_path = predictor.predict(names)
    by_image = predictor.predict([Image.open(name) for name in names])
    assert torch.equal(by_path.probabilities, by_image.probabilities)
    with torch.no_grad():
        assert torch.equal(predictor.network(predictor.images(names)).softmax(1), by_path.probabilities)
    with pytest.raises(jointnn.UserError, match="No image is given"):
        predictor.predict([])
    with pytest.raises(jointnn.UserError, match=r"gone\.jpg could not be read"):
        predictor.predict(["gone.jpg"])
