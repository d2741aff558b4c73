"""Features of images: of which network, one image at a time, and near for images that look alike."""

import pytest
import torch
from helpers.dataset import MIRROR
from torch import nn
from torchvision.models import Inception3

from jointnn.data.images import decode, resize
from jointnn.data.parquet import from_parquet
from jointnn.errors import UserError
from jointnn.models.architectures import inception
from jointnn.tasks import image_features as features
from jointnn.tasks.image_features import NETWORKS, features_of
from jointnn.tasks.image_fidelity import (
    kernel_distance,
    nearest_distance,
    nearest_ratio,
    precision_and_recall,
)

LITE = "efficientnet_lite0"


def noise(*shape: int) -> torch.Tensor:
    return torch.randint(0, 256, shape, dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache of torch.hub, and every connection refused."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")
    (tmp_path / "hub" / "checkpoints").mkdir(parents=True)
    features._network.cache_clear()
    yield tmp_path / "hub" / "checkpoints"
    features._network.cache_clear()


def test_weights_that_are_not_there_are_asked_for_and_nothing_is_downloaded(cache):
    with pytest.raises(
        UserError, match=f"need its ImageNet weights at {cache}/inception.*which is not there"
    ):
        features_of(noise(1, 3, 8, 8), "inception_v3")
    (cache / "inception_v3_google-0cc3c7bd.pth").write_bytes(b"half of it")
    with pytest.raises(UserError, match="is damaged"):
        features_of(noise(1, 3, 8, 8), "inception_v3")


@pytest.mark.slow
def test_features_of_inception_are_its_pooled_2048(cache, monkeypatch):
    torch.manual_seed(0)
    theirs = Inception3(num_classes=1, aux_logits=False, init_weights=False).eval()
    (cache / "inception_v3_google-0cc3c7bd.pth").touch()
    monkeypatch.setattr(inception, "imagenet_weights", theirs.state_dict)
    images = noise(1, 3, 299, 299)
    found = features_of(images, "inception_v3")
    theirs.fc = nn.Identity()
    with torch.no_grad():
        torch.testing.assert_close(found, theirs(images / 127.5 - 1), rtol=1e-3, atol=1e-4)
    assert found.shape == (1, NETWORKS["inception_v3"].width)


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(2, 1, 8, 8), (2, 3, 32, 32), (1, 3, 128, 64), (0, 3, 16, 16)], ids=str)
def test_images_of_any_size_have_1280_features_of_float32(shape):
    found = features_of(noise(*shape), LITE)
    assert found.shape == (shape[0], 1280) and found.dtype == torch.float32
    assert not found.requires_grad and (shape[0] == 0 or found.std() > 0.05)


def test_grey_images_are_colour_images_of_equal_channels():
    grey = noise(2, 1, 16, 16)
    assert torch.equal(features_of(grey, LITE), features_of(grey.expand(-1, 3, -1, -1), LITE))


@pytest.mark.slow
def test_features_do_not_depend_on_the_other_images_and_are_the_same_again():
    images = noise(features.AT_ONCE_CPU + 2, 3, 16, 16)
    together = features_of(images, LITE)
    assert torch.equal(features_of(images, LITE), together)
    alone = torch.cat([features_of(image[None], LITE) for image in images])
    torch.testing.assert_close(alone, together, rtol=1e-4, atol=1e-5)


def test_large_images_shrink_with_antialiasing():
    # A raster of single pixels is grey from afar; without antialiasing it would be black or white.
    raster = (torch.arange(448)[:, None] + torch.arange(448)) % 2 * 255
    resized = features._resized(raster.to(torch.uint8).expand(1, 1, -1, -1), 224)
    assert resized.shape == (1, 3, 224, 224) and resized.abs().max() < 0.3


def test_the_network_leaves_the_random_state_of_torch_alone():
    features._network.cache_clear()
    before = torch.get_rng_state()
    features_of(noise(1, 3, 8, 8), LITE)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    "images", [torch.zeros(1, 3, 8, 8), noise(3, 8, 8), noise(1, 2, 8, 8), noise(1, 3, 8, 7)], ids=str
)
def test_other_images_are_refused(images):
    with pytest.raises(ValueError, match="Features are of uint8 images of shape"):
        features_of(images, LITE)


def test_an_unknown_network_is_refused():
    with pytest.raises(UserError, match="No network for features is named 'vgg'"):
        features_of(noise(1, 3, 8, 8), "vgg")


def real_images(name: str, count: int, start: int = 0, split: str = "test") -> torch.Tensor:
    """Some images of the mirror at 32 pixels, from all its classes."""
    file = MIRROR / name / f"{split}.parquet"
    found, _ = from_parquet(file.read_bytes(), file.name)
    step = len(found) // count
    chosen = [found.content[start + step * k] for k in range(count)]
    return torch.stack([torch.from_numpy(resize(decode(image, name), 32, 3).copy()) for image in chosen])


def blurred(images: torch.Tensor) -> torch.Tensor:
    """The same images with a quarter of the pixels of a side."""
    small = nn.functional.avg_pool2d(images.float(), 4)
    return nn.functional.interpolate(small, images.shape[-1], mode="bilinear").to(torch.uint8)


@pytest.mark.slow
@pytest.mark.skipif(not (MIRROR / "birds").is_dir(), reason=f"no mirror with birds at {MIRROR}")
def test_real_birds_are_like_other_birds_and_unlike_cars_or_damaged_birds():
    birds, others = real_images("birds", 24), real_images("birds", 24, start=1)
    random = torch.randn(others.shape, generator=torch.Generator().manual_seed(0))
    far = {
        "cars": real_images("cars", 24),
        "blurred": blurred(others),
        "noisy": (others + 40 * random).clamp(0, 255).to(torch.uint8),
    }
    known = features_of(birds, LITE)
    found = {
        name: kernel_distance(known, features_of(images, LITE), 0)
        for name, images in {"birds": others, **far}.items()
    }
    # Of 32 images each: birds 0.004, blurred 0.22, cars 0.27, noisy 0.34.
    assert abs(found.pop("birds")) < 0.03 and min(found.values()) > 0.1, found


@pytest.mark.slow
@pytest.mark.skipif(not (MIRROR / "birds").is_dir(), reason=f"no mirror with birds at {MIRROR}")
def test_a_nearest_ratio_below_1_may_be_blur_and_no_memory_and_then_recall_is_0():
    unseen, train = real_images("birds", 500), real_images("birds", 650, split="train")
    real, learned, made = (features_of(images, LITE) for images in (unseen, train, blurred(unseen)))
    distance = nearest_distance(real, learned)
    # Blurred: 0.84, precision 0.91, recall 0. Copies: 0, 0.73, 0.72.
    assert nearest_ratio(made, learned, distance) < 0.9
    assert nearest_ratio(learned, learned, distance) == 0
    precision, recall = precision_and_recall(real, made)
    assert precision > 0.8 and recall < 0.05
    precision, recall = precision_and_recall(real, learned)
    assert precision > 0.6 and recall > 0.6
