"""The frozen trunk and the network on its activations: the published weights, in the published place."""

import json

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from helpers.dataset import MIRROR
from torch import nn

from jointnn.data.images import decode, resize
from jointnn.data.parquet import from_parquet
from jointnn.data.splits import as_float
from jointnn.errors import UserError
from jointnn.models.architectures import architecture, trunk
from jointnn.models.architectures.efficientnet import _published
from jointnn.models.stacked import StackedNetworks

BREEDS = {
    "Shih-Tzu": 155, "Rhodesian ridgeback": 159, "Beagle": 162, "English foxhound": 167,
    "Border terrier": 182, "Australian terrier": 193, "Golden retriever": 207,
    "Old English sheepdog": 229, "Samoyed": 258, "Dingo": 273,
}  # fmt: skip
"""Classes of ImageNet, in the order of the published head."""


def whole_network() -> nn.Module:
    """The published network: trunk, end, and the published head in the place of ours."""
    end = architecture["efficientnet_lite0_end"](classes=1000, channels=3, size=224)
    end.head.load_state_dict({"weight": _published()["_fc.weight"], "bias": _published()["_fc.bias"]})
    return nn.Sequential(trunk["efficientnet_lite0"](channels=3, size=224), end).eval()


@pytest.mark.slow
@pytest.mark.skipif(not (MIRROR / "dogs").is_dir(), reason=f"no mirror with dogs at {MIRROR}")
def test_the_published_network_names_the_breeds_of_real_dogs():
    network = whole_network()
    file = MIRROR / "dogs" / "test.parquet"
    found, _ = from_parquet(file.read_bytes(), file.name)
    metadata = pq.read_schema(file).metadata[b"huggingface"]
    names = json.loads(metadata)["info"]["features"]["label"]["names"]
    known = {name.lower().replace("-", " "): k for name, k in BREEDS.items()}
    classes = [known[name.split(".")[-1].lower().replace("_", " ").replace("-", " ")] for name in names]
    chosen = range(0, len(found), 3)
    pixels = np.stack([resize(decode(found.content[i], "a dog"), 224, 3) for i in chosen])
    with torch.no_grad():
        scores = torch.cat([network(as_float(part)) for part in torch.from_numpy(pixels).split(64)])
    named = torch.tensor(classes)[scores[:, classes].argmax(1)]
    right = named == torch.tensor([classes[found.labels[i]] for i in chosen])
    # Of ten breeds, from 96 pixels: 0.87; 0.82 if convolutions pad as PyTorch does.
    assert right.float().mean() > 0.84


def test_no_gradient_reaches_the_trunk_and_every_copy_begins_alike():
    first = trunk["efficientnet_lite0"](channels=3, size=32)
    assert not any(parameter.requires_grad for parameter in first.parameters())
    assert first(torch.zeros(2, 3, 32, 32)).shape == (2, 192, 1, 1)
    make = architecture["efficientnet_lite0_end"]
    modules = {name: make(classes=3, channels=3, size=32) for name in ("a", "b")}
    networks = StackedNetworks(modules, couple_head=False, couple_batch_norm=False)
    assert networks.layers == ["block13", "block14", "block15", "convolution"]
    assert all(torch.equal(layer[0], layer[1]) for layer in networks.coupled)


@pytest.mark.parametrize(("channels", "size"), [(1, 96), (3, 16)])
def test_images_that_the_trunk_does_not_take_are_refused(channels, size):
    with pytest.raises(UserError, match="takes colour images of at least 32 pixels"):
        trunk["efficientnet_lite0"](channels=channels, size=size)
