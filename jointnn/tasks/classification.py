"""Classification: f_i is the mean cross entropy of network i on dataset i."""

from collections.abc import Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional

from jointnn.data.splits import Split
from jointnn.tasks import task
from jointnn.tasks.base import WHOLE, OneLoss, Prediction, predictions
from jointnn.tasks.measures import ACCURACY, LOSS, Measure


@task
class classification(OneLoss):  # noqa: N801  the name in parameters
    """Labelled images; the network gives one score per class. Measures: accuracy (0 to 1) and loss."""

    labels = "classes"
    explodes_above = 1e3
    """A mean cross entropy that only a diverged network has; chance is the logarithm of the classes."""

    def wanted(self, batch: Split, outputs: int) -> dict[str, tuple[int, ...]]:
        """Return the shape of a score for each image and class."""
        return {WHOLE: (len(batch), outputs)}

    def loss(self, network: nn.Module, batch: Split) -> Tensor:
        """Return the mean cross entropy of a batch, a scalar."""
        return functional.cross_entropy(network(batch.images), batch.labels)

    @torch.no_grad()
    def measures(self, network: nn.Module, split: Split) -> Mapping[Measure, float]:
        """Return the mean loss and accuracy over a split."""
        scores = predictions(network, split)
        return {
            LOSS: functional.cross_entropy(scores, split.labels).item(),
            ACCURACY: (scores.argmax(1) == split.labels).double().mean().item(),
        }

    @torch.no_grad()
    def evidence(self, network: nn.Module, split: Split) -> dict[str, Tensor]:
        """Return the label and the predicted label of every image, shape (N,)."""
        return {"label": split.labels, "predicted": predictions(network, split).argmax(1)}

    def predict(self, network: nn.Module, images: Tensor) -> Prediction:
        """Return the probability of each class, and the most probable class."""
        return Prediction.of_scores(network(images))
