"""InceptionV3 as a sequence of layers: as torchvision computes, with ImageNet's weights or a clear word."""

from pathlib import Path

import pytest
import torch
from torchvision.models import Inception3

from jointnn.errors import UserError
from jointnn.models.architectures import architecture
from jointnn.models.architectures.inception import adopt
from jointnn.models.layers import layer_parameters
from jointnn.models.stacked import StackedNetworks

LAYERS = [
    *(f"Conv2d_{name}" for name in ("1a_3x3", "2a_3x3", "2b_3x3", "3b_1x1", "4a_3x3")),
    *(f"Mixed_{name}" for name in ("5b", "5c", "5d", "6a", "6b", "6c", "6d", "6e", "7a", "7b", "7c")),
]
WEIGHTS = "inception_v3_google-0cc3c7bd.pth"


def made(classes=3, channels=3, size=75, weights="none"):
    return architecture["inception_v3"](classes=classes, channels=channels, size=size, weights=weights)


@pytest.fixture
def no_network(tmp_path, monkeypatch):
    """An empty cache of torch.hub, and every connection refused."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    return tmp_path / "hub" / "checkpoints" / WEIGHTS


@pytest.mark.slow
def test_layers_are_the_top_level_modules_and_the_head_is_last():
    modules = {"birds": made(classes=4), "dogs": made(classes=3)}
    networks = StackedNetworks(modules, couple_head=False, couple_batch_norm=False)
    assert networks.layers == LAYERS
    assert list(layer_parameters(modules["dogs"], couple_batch_norm=False)) == [*LAYERS, "fc"]
    assert modules["birds"].fc.out_features == 4


@pytest.mark.slow
def test_the_sequence_computes_what_torchvision_computes():
    torch.manual_seed(0)
    theirs = Inception3(num_classes=3, aux_logits=False, init_weights=False)
    ours = made()
    ours.load_state_dict(theirs.state_dict())
    images = torch.rand(2, 3, 75, 75) * 2 - 1
    for training in (True, False):
        torch.manual_seed(1)  # for dropout
        expected = theirs.train(training)(images)
        torch.manual_seed(1)
        assert torch.equal(ours.train(training)(images), expected)


@pytest.mark.slow
def test_weights_are_adopted_but_for_heads():
    theirs = Inception3(num_classes=5, aux_logits=True, init_weights=False)
    ours = Inception3(num_classes=3, aux_logits=False, init_weights=False)
    head = ours.fc.weight.clone()
    adopt(ours, theirs.state_dict())
    assert torch.equal(ours.Mixed_7c.branch1x1.conv.weight, theirs.Mixed_7c.branch1x1.conv.weight)
    assert torch.equal(ours.fc.weight, head)


@pytest.mark.slow
def test_without_a_network_the_error_says_which_file_goes_where(no_network):
    with pytest.raises(UserError, match=f"Place the file of https://.*{WEIGHTS} at {no_network}, or set"):
        made(weights="imagenet")


def test_a_damaged_file_is_refused(no_network):
    no_network.parent.mkdir(parents=True)
    Path(no_network).write_bytes(b"half of it")
    with pytest.raises(UserError, match="is damaged: its SHA-256 does not begin with 0cc3c7bd"):
        made(weights="imagenet")


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"channels": 1}, "takes colour images of 75 pixels or more, not 1 channels"),
        ({"size": 74}, "not 3 channels and 74 pixels"),
        ({"weights": "coco"}, "has no weights 'coco'"),
    ],
)
def test_mistakes_are_refused(wrong, said):
    with pytest.raises(UserError, match=said):
        made(**wrong)
