"""The form in which networks compute: precision and memory layout.

Parameters, their gradients, the optimiser and the mixing stay in float32 and contiguous in every form; so
do validation and test. float16 is no choice: its gradients underflow unless losses are scaled, by a scaler
whose state every resume point would have to hold, and bfloat16 runs as fast on the GPUs that have both.
In float32 a GPU computes convolutions as torch does by default: with TF32 products where it has them.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from jointnn.errors import UserError

LAYOUTS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}


@dataclass(frozen=True)
class Form:
    """How a network computes: in float32 or bfloat16, on contiguous or channels_last images."""

    precision: str = "float32"
    memory_format: str = "contiguous"

    def __str__(self) -> str:
        return f"{self.precision}, {self.memory_format}"


def in_form(network: nn.Module, form: Form) -> nn.Module:
    """Return the network computing in a form, or itself where the form is the plain one."""
    return network if form == Form() else InForm(network, form)


class InForm(nn.Module):
    """A network that computes in a form. What it is given and gives keeps its type."""

    def __init__(self, network: nn.Module, form: Form) -> None:
        super().__init__()
        self.network, self.form = network, form

    def forward(self, images: Tensor) -> Tensor | dict[str, Tensor]:
        """Return the outputs of the network, by name where it has several."""
        given = images
        if images.dim() == 4:
            # Layers go on in the layout of their input; the parameters need not have it. A copy, since grey
            # images have both layouts at once and layers would take them for contiguous.
            given = images.clone(memory_format=LAYOUTS[self.form.memory_format])
        low = self.form.precision == "bfloat16"
        with torch.autocast(images.device.type, torch.bfloat16, enabled=low):
            found = self.network(given)
        if isinstance(found, dict):
            return {name: output.to(images.dtype) for name, output in found.items()}
        if not isinstance(found, Tensor):
            raise UserError(
                f"A network computes in {self.form} if it gives a tensor, or tensors by name, but "
                f"{type(self.network).__name__} gives {type(found).__name__}. Leave precision and "
                "memory_format at float32 and contiguous."
            )
        plain: Tensor = found.to(images.dtype)
        return plain
