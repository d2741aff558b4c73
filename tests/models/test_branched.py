"""Networks of branches, described by data: what is made, what reads what, and what is refused."""

import pytest
import torch
from helpers.branched import TWO, made
from torch.testing import assert_close

from jointnn.errors import UserError


def test_what_comes_out_is_an_image_and_scores_of_classes():
    network = made()
    found = network(torch.rand(4, 1, 8, 8))
    assert {name: tuple(value.shape) for name, value in found.items()} == {
        "image": (4, 1, 8, 8),
        "classes": (4, 3),
    }
    assert network.codes == ["private", "shared"]
    assert network.layers == [
        *("private.conv1", "private.pool1", "private.dense1"),
        *("shared.conv1", "shared.pool1", "shared.dense1"),
        *("classes.scores1", "image.dense1", "image.image1"),
    ]


def test_codes_are_concatenated_in_the_order_that_is_told():
    network = made()
    images = torch.rand(2, 1, 8, 8)
    codes = network.encoded(images)
    assert {name: tuple(code.shape) for name, code in codes.items()} == {
        "private": (2, 5),
        "shared": (2, 7),
    }
    whole = torch.cat([codes["private"], codes["shared"]], dim=1)
    assert_close(network(images)["image"], network.get_submodule("image")(whole))


def test_the_order_in_which_branches_are_told_makes_no_difference():
    torch.manual_seed(0)
    network = made()
    torch.manual_seed(0)
    other = made(dict(reversed(TWO.items())))
    assert network.layers == other.layers
    assert all(torch.equal(a, b) for a, b in zip(network.parameters(), other.parameters(), strict=True))


def test_a_branch_that_is_not_read_makes_no_difference():
    network = made()
    codes = network.encoded(torch.rand(2, 1, 8, 8))
    silent = {**codes, "private": torch.zeros_like(codes["private"])}
    assert torch.equal(network.decoded(codes)["classes"], network.decoded(silent)["classes"])
    assert not torch.equal(network.decoded(codes)["image"], network.decoded(silent)["image"])


def test_any_number_of_branches_and_merge_points():
    network = made(
        {
            "eyes": ["conv 3", "pool"],
            "one": {"of": ["eyes"], "layers": ["conv 2"]},
            "two": {"of": ["eyes"], "layers": ["conv 4"]},
            "three": ["strided 1"],
            "merged": {"of": ["one", "two", "three"], "layers": ["conv 5"]},
            "image": {"of": ["merged"], "layers": ["up", "deconv 2", "image"]},
        },
        channels=3,
    )
    assert network.get_submodule("merged.conv1")[0].in_channels == 7
    assert network(torch.rand(2, 3, 8, 8))["image"].shape == (2, 3, 8, 8)


def test_strided_deconvolutions_lead_back_to_the_size_of_the_image():
    network = made(
        {
            "code": ["strided 4", "strided 8", "dense 10"],
            "image": {
                "of": ["code"],
                "layers": ["grid 8 2", *2 * ["strided_deconv 4"], "image"],
            },
        },
        size=8,
        channels=3,
    )
    assert network(torch.rand(2, 3, 8, 8))["image"].shape == (2, 3, 8, 8)


def test_weights_begin_as_glorot_has_them_and_biases_at_0():
    torch.manual_seed(0)
    network = made({"code": ["dense 400"], "image": {"of": ["code"], "layers": ["image"]}}, size=20)
    linear = network.get_submodule("code.dense1")[1]
    bound = (6 / (400 + 400)) ** 0.5
    assert linear.weight.abs().max() <= bound
    assert_close(linear.weight.std().item(), bound / 3**0.5, rtol=0.02, atol=0)
    assert not linear.bias.any()


@pytest.mark.parametrize(
    ("branches", "message"),
    [
        ("conv", "branches must be a mapping from names to layers, not 'conv'"),
        ({"a": "conv 3"}, r"branches.a is 'conv 3'; give a list of layers"),
        ({"a": {"from": ["b"], "layers": []}}, r"give a list of layers, or \{of:"),
        ({"forward": ["dense 3"]}, "branches.forward: a branch cannot have this name"),
        ({"a.b": ["dense 3"]}, "branches.a.b: a branch cannot have this name"),
        ({"a": {"of": []}}, r"branches.a is \{'of': \[\]\}; give a list of layers"),
        ({"a": ["convolution 3"]}, "No layer is named 'convolution 3'|No layer is named 'convolution'"),
        ({"a": ["conv"]}, "layer 'conv' could not be placed after values of shape \\(1, 8, 8\\)"),
        ({"a": ["conv three"]}, "layer 'conv three' could not be placed"),
        ({"a": ["dense 3", "pool"]}, "layer 'pool' could not be placed after values of shape \\(3,\\)"),
        (
            {"a": {"of": ["b"], "layers": ["dense 3"]}},
            "branches.a takes from 'b', which is none",
        ),
        (
            {"a": {"of": ["b"], "layers": []}, "b": {"of": ["a"], "layers": []}},
            "branches take from each other in a circle",
        ),
        ({"a": ["dense 3"]}, "what comes out, here a; it must be `image`"),
        (
            {"a": ["dense 3"], "b": ["dense 2"], "image": {"of": ["a"], "layers": ["image"]}},
            "what comes out, here b, image",
        ),
        (
            {"a": ["conv 3", "pool"], "image": {"of": ["a"], "layers": ["image"]}},
            r"branches.image gives the shape \(1, 4, 4\), but images have \(1, 8, 8\)",
        ),
        (
            {"a": ["conv 3"], "b": ["dense 3"], "image": {"of": ["a", "b"], "layers": ["image"]}},
            r"branches.image takes values of the shapes \(3, 8, 8\), \(3,\), which cannot be concatenated",
        ),
    ],
)
def test_branches_that_cannot_be_made_are_refused(branches, message):
    with pytest.raises(UserError, match=message):
        made(branches)
