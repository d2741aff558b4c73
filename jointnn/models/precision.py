"""The form in which networks compute: precision and memory layout, given or chosen by a measurement.

Parameters, their gradients, the optimiser and the mixing stay in float32 and contiguous in every form; so
do validation and test. float16 is no choice: its gradients underflow unless losses are scaled, by a scaler
whose state every resume point would have to hold, and bfloat16 runs as fast on the GPUs that have both.
In float32 a GPU computes convolutions as torch does by default: with TF32 products where it has them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import product

import torch
from torch import Tensor, nn

from jointnn.methods.settings import Training

LAYOUTS = {"contiguous": torch.contiguous_format, "channels_last": torch.channels_last}
REPEATS = 3
"""Times that each form is measured, after a first time that loads what torch loads at first use."""
MARGIN = 0.95
"""Another form must take less than this part of the first one's time: the rest is noise."""
HOPELESS = 2.0
"""A form that takes that many times the time of the fastest so far is not measured again."""


@dataclass(frozen=True)
class Form:
    """How a network computes: in float32 or bfloat16, on contiguous or channels_last images."""

    precision: str = "float32"
    memory_format: str = "contiguous"

    def __str__(self) -> str:
        return f"{self.precision}, {self.memory_format}"


def forms_of(settings: Training) -> list[Form]:
    """The forms that settings leave open, the plainest first; one where nothing is `auto`."""
    precisions = ["float32", "bfloat16"] if settings.precision == "auto" else [settings.precision]
    layouts = list(LAYOUTS) if settings.memory_format == "auto" else [settings.memory_format]
    return [Form(precision, layout) for precision, layout in product(precisions, layouts)]


def in_form(network: nn.Module, form: Form) -> nn.Module:
    """The same network, computing in a form: in the plain one, itself."""
    return network if form == Form() else InForm(network, form)


class InForm(nn.Module):
    """A network that computes in a form. What it is given and gives keeps its type."""

    def __init__(self, network: nn.Module, form: Form) -> None:
        super().__init__()
        self.network, self.form = network, form

    def forward(self, images: Tensor) -> Tensor | dict[str, Tensor]:
        """The outputs of the network; some have several, by name."""
        given = images
        if images.dim() == 4:
            # Layers go on in the layout of their input; the parameters need not have it. Grey images have
            # both layouts at once, and their layers stay contiguous.
            given = images.contiguous(memory_format=LAYOUTS[self.form.memory_format])
        low = self.form.precision == "bfloat16"
        with torch.autocast(images.device.type, torch.bfloat16, enabled=low):
            found = self.network(given)
        if isinstance(found, dict):
            return {name: output.to(images.dtype) for name, output in found.items()}
        plain: Tensor = found.to(images.dtype)
        return plain


def fastest(forms: Sequence[Form], seconds: Callable[[Form], float]) -> Form:
    """The form of the shortest time, or the first one unless another is faster by more than noise.

    Args:
        seconds: measures a form once.
    """
    times: dict[Form, float] = {}
    for form in forms:
        seconds(form)
        times[form] = seconds(form)
        if times[form] < HOPELESS * min(times.values()):
            times[form] = min(times[form], *(seconds(form) for _ in range(REPEATS - 1)))
    best = min(times, key=lambda form: times[form])
    chosen = best if times[best] < MARGIN * times[forms[0]] else forms[0]
    measured = "; ".join(f"{form}: {1000 * taken:.3g} ms" for form, taken in times.items())
    print(f"Computes in {chosen}. Measured for one gradient: {measured}.", flush=True)  # noqa: T201
    return chosen
