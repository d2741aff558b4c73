"""Classification: f_i is the mean cross entropy of network i on dataset i."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from jointnn.data import Split
from jointnn.tasks import task


@task
class classification:  # noqa: N801  the name in params.yaml
    """Labelled images; the network gives one score per class. Measured by accuracy."""

    measure = "accuracy"
    explodes_above = 1e3
    """A mean cross entropy that only a diverged network has; chance is the logarithm of the classes."""

    def loss(self, network: nn.Module, batch: Split) -> Tensor:
        """Mean cross entropy of a batch, a scalar."""
        return functional.cross_entropy(network(as_float(batch.images)), batch.labels)

    @torch.no_grad()
    def measures(self, network: nn.Module, split: Split, batch_size: int = 512) -> dict[str, float]:
        """Mean loss and accuracy (0 to 1) over a split."""
        scores = self.scores(network, split, batch_size)
        return {
            "loss": functional.cross_entropy(scores, split.labels).item(),
            "accuracy": (scores.argmax(1) == split.labels).double().mean().item(),
        }

    @torch.no_grad()
    def scores(self, network: nn.Module, split: Split, batch_size: int = 512) -> Tensor:
        """Scores of every image, shape (N, classes), in evaluation mode; training mode is restored."""
        training = network.training
        network.eval()
        pieces = [network(as_float(images)) for images in torch.split(split.images, batch_size)]
        network.train(training)
        return torch.cat(pieces)


def as_float(images: Tensor) -> Tensor:
    """uint8 0..255 to float -1..1."""
    return images.float().div_(127.5).sub_(1)
