"""Classification: f_i is the mean cross entropy of network i on dataset i."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from jointnn.data.splits import Split, as_float
from jointnn.tasks import task
from jointnn.tasks.base import OneLoss, evaluating


@task
class classification(OneLoss):  # noqa: N801  the name in params.yaml
    """Labelled images; the network gives one score per class. Measures: accuracy (0 to 1) and loss."""

    explodes_above = 1e3
    """A mean cross entropy that only a diverged network has; chance is the logarithm of the classes."""

    def loss(self, network: nn.Module, batch: Split) -> Tensor:
        """Mean cross entropy of a batch, a scalar."""
        return functional.cross_entropy(network(batch.images), batch.labels)

    @torch.no_grad()
    def measures(self, network: nn.Module, split: Split) -> dict[str, float]:
        """Mean loss and accuracy over a split."""
        scores = self._scores(network, split)
        return {
            "loss": functional.cross_entropy(scores, split.labels).item(),
            "accuracy": (scores.argmax(1) == split.labels).double().mean().item(),
        }

    @torch.no_grad()
    def evidence(self, network: nn.Module, split: Split) -> dict[str, Tensor]:
        """Label and predicted label of every image, shape (N,)."""
        return {"label": split.labels, "predicted": self._scores(network, split).argmax(1)}

    def _scores(self, network: nn.Module, split: Split, batch_size: int = 512) -> Tensor:
        """Scores of every image, shape (N, classes), in evaluation mode; training mode is restored."""
        with evaluating(network):
            pieces = [network(as_float(batch.images)) for batch in split.batches(batch_size)]
        return torch.cat(pieces)
