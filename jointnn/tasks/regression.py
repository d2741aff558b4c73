"""Regression: f_i is the mean squared error of network i on the numbers of dataset i."""

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn
from torch.nn import functional

from jointnn.data.splits import Split
from jointnn.errors import UserError
from jointnn.tasks import task
from jointnn.tasks.base import WHOLE, OneLoss, Prediction, predictions
from jointnn.tasks.measures import ABSOLUTE_ERROR, LOSS, R_SQUARED, SQUARED_ERROR, Measure


@task
class regression(OneLoss):  # noqa: N801  the name in parameters
    """Images whose labels are numbers; the network has an output for each number.

    Networks learn (number - mean) / scale, the same for all datasets, so that their heads mean the same.
    f_i is the mean squared error of that, and `loss` is in its unit. Measures are in that of the labels:
    `squared_error` and `absolute_error`, means over images and numbers, and `r_squared`, 1 minus the
    squared error over the variance of the labels of the split, mean over numbers.

    Args:
        mean: the centre of the numbers.
        scale: the spread of the numbers; networks learn slowly, or diverge, where it is far off.
        unit: of the numbers, for tables and axes: "years".
        decimals: printed digits after the point.
    """

    labels = "numbers"

    def __init__(self, mean: float = 0.0, scale: float = 1.0, unit: str = "", decimals: int = 4) -> None:
        if not scale > 0:
            raise UserError(f"task_options.scale: {scale} must be above 0.")
        self.mean, self.scale = mean, scale
        squared, plain = (f"({unit})²", unit) if unit else (SQUARED_ERROR.unit, ABSOLUTE_ERROR.unit)
        self.squared_error = replace(SQUARED_ERROR, unit=squared, decimals=decimals)
        self.absolute_error = replace(ABSOLUTE_ERROR, unit=plain, decimals=decimals)

    def wanted(self, batch: Split, outputs: int) -> dict[str, tuple[int, ...]]:
        """Return the shape of a value for each image and number."""
        return {WHOLE: (len(batch), outputs)}

    def loss(self, network: nn.Module, batch: Split) -> Tensor:
        """Return the mean squared error of a batch, a scalar, in squared units of `scale`."""
        found = _fitting(network(batch.images), batch.labels)
        return functional.mse_loss(found, (batch.labels - self.mean) / self.scale)

    @torch.no_grad()
    def measures(self, network: nn.Module, split: Split) -> Mapping[Measure, float]:
        """Return the mean errors over a split, and the explained share of its variance, if it has any."""
        numbers = split.labels.double()
        errors = self._estimates(network, split) - numbers
        squared, variance = errors.square().mean(dim=0), numbers.var(dim=0, correction=0)
        found = {
            LOSS: squared.mean().item() / self.scale**2,
            self.squared_error: squared.mean().item(),
            self.absolute_error: errors.abs().mean().item(),
        }
        explained = {R_SQUARED: (1 - squared / variance).mean().item()}
        return found | explained if bool((variance > 0).all()) else found

    @torch.no_grad()
    def evidence(self, network: nn.Module, split: Split) -> dict[str, Tensor]:
        """Return the numbers of every image and their estimates, shape (N, K)."""
        return {"number": split.labels, "estimate": self._estimates(network, split).float()}

    def _estimates(self, network: nn.Module, split: Split) -> Tensor:
        """Return the estimates of the numbers in their unit, shape (N, K)."""
        return self._in_unit(_fitting(predictions(network, split), split.labels))

    def _in_unit(self, outputs: Tensor) -> Tensor:
        return outputs.double() * self.scale + self.mean

    def predict(self, network: nn.Module, images: Tensor) -> Prediction:
        """Return the estimates of the numbers, in their unit."""
        return Prediction(numbers=self._in_unit(network(images)).float())


def _fitting(outputs: Tensor, numbers: Tensor) -> Tensor:
    """Return the outputs of a network. Refuse other shapes than the labels', which would be stretched."""
    if outputs.shape != numbers.shape:
        raise UserError(
            f"regression needs a network with {numbers.shape[1]} outputs for each image, one for each "
            f"number, but it gives {tuple(outputs.shape)} for {len(numbers)} images."
        )
    return outputs
