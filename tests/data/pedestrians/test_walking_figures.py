"""The drawn pedestrians: equal numbers give equal ones; they walk as people do, and look like INRIA's."""

from itertools import pairwise

import numpy as np
import pytest
from helpers.dataset import read, refused

from jointnn.data.digests import ABSENT, source_digest
from jointnn.data.images import decode
from jointnn.data.pedestrians.camera import GROUND, HEIGHT, TALL, WIDTH, draw_person, picture
from jointnn.data.pedestrians.figure import View
from jointnn.data.pedestrians.gait import ANKLE, HIP, KNEE, Pose, angle, leg, skeleton
from jointnn.data.pedestrians.people import random_person
from jointnn.data.pedestrians.solids import Canvas, capsule, ellipsoid
from jointnn.data.schema import DatasetParams
from jointnn.io import paths
from jointnn.io.files import read_json
from jointnn.io.tensors import read_tensors
from jointnn.jobs.code_digests import code_digests
from jointnn.jobs.specs import FetchJob, PrepareJob
from jointnn.stages import fetch, prepare

SOURCE = "synthetic_pedestrians"
MARGIN = 20
BLACK = np.zeros(3)


def drawn(number: int) -> np.ndarray:
    """Where a person alone covers a picture and MARGIN pixels around it."""
    person = random_person(np.random.default_rng(number))
    canvas = Canvas((WIDTH + 2 * MARGIN, HEIGHT + 2 * MARGIN), np.array([0.0, 1.0, 0.0]))
    draw_person(canvas, person, View(person.yaw, 0.08, TALL, (WIDTH / 2 + MARGIN, GROUND + MARGIN)))
    return canvas.depth > -np.inf


# --- the gait ---


@pytest.mark.parametrize("curve", [HIP, KNEE, ANKLE])
def test_an_angle_is_periodic_and_has_no_jump(curve):
    phases = np.linspace(-1, 2, 601)
    values = np.array([angle(curve, phase) for phase in phases])
    assert np.allclose(values[:401], values[200:])
    assert np.abs(np.diff(values)).max() < np.radians(2)


def test_the_legs_are_half_a_stride_apart():
    for phase in np.linspace(0, 1, 21):
        now, later = skeleton(Pose(phase)), skeleton(Pose(phase + 0.5))
        for name in ("knee", "ankle", "heel", "toe", "wrist"):
            mirrored = now[f"left_{name}"] * [-1, 1, 1]
            assert np.allclose(mirrored, later[f"right_{name}"], atol=1e-9), (phase, name)


def test_an_arm_swings_against_the_leg_of_its_side():
    phases = np.linspace(0, 1, 40, endpoint=False)
    joints = [skeleton(Pose(phase)) for phase in phases]
    for side in ("left", "right"):
        forward = [np.array([j[f"{side}_{name}"][2] for j in joints]) for name in ("ankle", "wrist")]
        assert np.corrcoef(*forward)[0, 1] < -0.7


def test_the_lower_foot_stands_on_the_ground_and_knees_bend_backwards():
    for phase in np.linspace(0, 1, 50):
        joints = skeleton(Pose(phase))
        soles = [joints[f"{side}_{end}"][1] for side in ("left", "right") for end in ("heel", "toe")]
        assert min(soles) == pytest.approx(0, abs=1e-12)
        assert max(soles) < 0.25
        assert angle(KNEE, phase) >= 0
        assert 0.97 < joints["head"][1] + 0.068 < 1.02


def test_who_stands_still_has_straight_legs():
    joints = leg(0.7, stride=0)
    assert joints["ankle"][0] == pytest.approx(-0.245 - 0.246)
    assert joints["ankle"][1] == joints["knee"][1] == 0


# --- the solids ---


def test_the_nearer_solid_covers_the_farther_whatever_comes_first():
    for order in (1, -1):
        canvas = Canvas((40, 40), np.array([0.0, 0.0, 1.0]))
        for depth, colour in [(-9.0, 0.2), (9.0, 0.8)][::order]:
            ellipsoid(canvas, np.array([20.0, 20.0, depth]), (8, 8, 8), np.full(3, colour))
        assert canvas.colour[20, 20, 0] == np.float32(0.8)
        assert canvas.lit[20, 20] == pytest.approx(1, abs=0.01)
        assert canvas.depth[0, 0] == -np.inf


def test_a_capsule_has_the_area_of_a_capsule_and_may_lie_outside():
    canvas = Canvas((80, 60), np.array([0.0, 1.0, 0.0]))
    capsule(canvas, (np.array([20.0, 30.5, 0.0]), np.array([60.0, 30.5, 0.0])), (10, 10), BLACK)
    assert (canvas.depth > -np.inf).sum() == pytest.approx(40 * 20 + np.pi * 100, rel=0.02)
    before = canvas.depth.copy()
    capsule(canvas, (np.array([-90.0, 0.0, 0.0]), np.array([-50.0, 9.0, 0.0])), (5, 5), BLACK)
    assert np.array_equal(canvas.depth, before)


# --- the figure ---


def test_a_figure_is_whole_inside_the_picture_with_its_feet_where_they_belong():
    covers = [drawn(number) for number in range(60)]
    for number, cover in enumerate(covers):
        rows, columns = (np.flatnonzero(cover.any(axis)) - MARGIN for axis in (1, 0))
        assert abs(rows[-1] - GROUND) <= 6, number
        assert 2 <= rows[0] <= 19, number
        assert columns[0] >= 1 and columns[-1] <= WIDTH - 2, number
        assert 900 < cover.sum() < 3000, number
    # INRIA's mean picture: the head about row 15, the body about column 32.
    mean = np.mean(covers, axis=0)[MARGIN:-MARGIN, MARGIN:-MARGIN]
    assert mean[30:100, 28:36].mean() > 0.75
    assert mean[:10].mean() < 0.03 and mean[:, :6].mean() < 0.03
    assert abs((mean.sum(0) * np.arange(WIDTH)).sum() / mean.sum() - WIDTH / 2) < 1.5


# --- the pictures ---


@pytest.fixture(scope="module")
def pictures() -> np.ndarray:
    return np.stack([picture(index) for index in range(60)])


@pytest.mark.slow
def test_equal_numbers_give_equal_pictures_and_others_different_ones(pictures):
    assert pictures.dtype == np.uint8 and pictures.shape == (60, 128, 64, 3)
    for index in (59, 7, 0):
        assert np.array_equal(picture(index), pictures[index])
    differences = [np.abs(a.astype(int) - b).mean() for a, b in pairwise(pictures)]
    assert min(differences) > 8


@pytest.mark.slow
def test_light_contrast_colour_and_edges_are_like_those_of_inria(pictures):
    """INRIA's 1924 training pictures: the mean of each has the median 96 (56 to 149 are nine tenths), the
    spread 48 (29 to 68), the difference of neighbours 9.2 (4.9 to 14.7), the chroma 19 (10 to 48)."""
    grey = pictures @ np.array([0.299, 0.587, 0.114])
    chroma = pictures.max(-1).astype(int) - pictures.min(-1)
    assert 80 < np.median(grey.mean((1, 2))) < 112
    assert 36 < np.median(grey.std((1, 2))) < 60
    assert 4.9 < np.median(np.abs(np.diff(grey, axis=2)).mean((1, 2))) < 14.7
    assert 12 < np.median(chroma.mean((1, 2))) < 30
    assert 15 < grey.mean((1, 2)).std() < 45


# --- the source ---


@pytest.mark.slow
def test_a_fifth_more_are_made_for_the_test_and_picture_k_is_the_same_for_every_pool(pictures):
    train, test, classes = read(source=SOURCE, pool=10)
    assert (len(train), len(test), classes) == (10, 2, ["person"])
    smaller, rest, _ = read(source=SOURCE, pool=5)
    assert (len(smaller), len(rest)) == (5, 1)
    for images in (train, test, smaller, rest):
        for name, content in zip(images.names, images.content, strict=True):
            assert np.array_equal(
                np.asarray(decode(content, name)), pictures[int(name.removesuffix(".png"))]
            )


@pytest.mark.slow
def test_parts_are_different_pictures_of_the_same_number():
    halves = [read(source=SOURCE, pool=5, part=part) for part in ("1/2", "2/2")]
    assert [(len(train), len(test)) for train, test, _ in halves] == [(5, 1), (5, 1)]
    names = [name for train, test, _ in halves for name in (*train.names, *test.names)]
    assert len(set(names)) == 12


def test_a_pool_that_is_missing_or_too_large_is_refused_and_so_is_a_path():
    refused("synthetic_pedestrians needs a `pool`: how many pictures", source=SOURCE)
    refused(
        "at most 100000 pictures, but a `pool` of 100000 with its test and parts needs 120000",
        source=SOURCE,
        pool=100_000,
    )
    refused("synthetic_pedestrians takes no `path`", source=SOURCE, pool=5, path="own")


def test_the_job_follows_the_code_that_draws_and_is_never_absent():
    assert source_digest(DatasetParams(source=SOURCE, pool=5)) != ABSENT
    names = set(code_digests("fetch", [("dataset", SOURCE)])) - set(
        code_digests("fetch", [("dataset", "mirror")])
    )
    drawing = {name for name in names if name.startswith("jointnn/data/pedestrians/")}
    assert {name.split("/")[-1] for name in drawing} >= {"gait.py", "solids.py", "street.py", "camera.py"}


def test_fetched_and_prepared_the_pictures_are_there(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    fetch.run(FetchJob(dataset="people", source={"source": SOURCE, "pool": 5}))
    manifest = read_json(f"{paths.raw('people')}/manifest.json")
    assert manifest["splits"]["train"]["images_per_class"] == {"person": 5}
    assert "drawn by this project" in manifest["origin"]
    prepare.run(PrepareJob(dataset="people", size=32, channels=3, fit="squash", mirrored=False))
    for test, count in ((False, 5), (True, 1)):
        tensors = read_tensors(paths.prepared("people", 32, test))[0]
        assert tensors["images"].shape == (count, 3, 32, 32)
        assert len(np.unique(tensors["images"])) > 100
