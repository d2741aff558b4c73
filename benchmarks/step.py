"""Time of a step of `joint` (with mixing, and averaging of the parameters) over a step of `isolated`."""

from collections.abc import Callable
from statistics import median
from typing import Any

from support import interleaved, is_quick, print_table, ratio

import torch
from torch import Tensor, nn
from torchvision.models import Inception3

from jointnn.architectures.convolutional import small_conv
from jointnn.consistency import block_membership, layer_weights
from jointnn.data import Split
from jointnn.descent import Descent
from jointnn.networks import Networks
from jointnn.params import MethodSettings
from jointnn.rounds import Couplings, base_strength
from jointnn.tasks.classification import classification
from jointnn.training import Data, Trainer


class Inception(Inception3):  # type: ignore[misc]  # torchvision has no types
    """InceptionV3 that gives its scores alone; its layers are its modules from input to head."""

    def __init__(self, classes: int) -> None:
        super().__init__(num_classes=classes, init_weights=False)
        self.layers = [
            name
            for name, child in self.named_children()
            if name != "AuxLogits" and any(True for _ in child.parameters())
        ]

    def forward(self, x: Tensor) -> Any:
        """Scores, shape (N, classes). The auxiliary ones are computed and dropped: they cost time."""
        output = super().forward(x)
        return output.logits if self.training else output


def trainer_of(make: Callable[[], nn.Module], networks: int, images: Split, batch_size: int) -> Trainer:
    """Networks on made-up images: what the pixels show does not change the time of a step."""
    modules = {f"dataset_{i}": make().train() for i in range(networks)}
    settings = MethodSettings(batch_size=batch_size, learning_rate=1e-4)
    return Trainer(
        method="benchmark",
        networks=Networks(modules, couple_head=False, couple_batch_norm=False),
        data={name: Data(images, images) for name in modules},
        task=classification(),
        settings=settings,
        seed=0,
    )


def steps_of(trainer: Trainer, weight: float, steps: int) -> Callable[[], Tensor]:
    """`steps` steps with one weight for all pairs and blocks; 0 is `isolated`, which averages nothing."""
    layers = trainer.networks.coupled
    blocks = len(layers) - 1, len(layers[0]), len(layers[0])
    weights = torch.full(blocks, weight, dtype=torch.float64)
    by_layer = layer_weights(weights, block_membership(len(layers), "adjacent"))
    strength = torch.full((len(layers),), base_strength(layers, trainer.settings), dtype=torch.float64)
    descent = Descent(trainer, Couplings(by_layer, strength * bool(weight)))

    def run() -> Tensor:
        trainer.averages = bool(weight)
        trainer.step += steps
        return descent.steps(trainer.step - steps, trainer.step, middle=0)

    return run


def compared(name: str, trainer: Trainer, steps: int, repeats: int) -> list[str]:
    """One row: both kinds of steps on the same networks, in turns."""
    cases = [steps_of(trainer, 0.5, steps), steps_of(trainer, 0.0, steps)]
    joint, isolated = interleaved(cases, repeats)
    coupled = sum(layer.shape[1] for layer in trainer.networks.coupled) / 1e6
    milliseconds = [f"{1000 * median(times) / steps:.1f}" for times in (isolated, joint)]
    return [name, f"{coupled:.2f}", *milliseconds, f"{ratio(joint, isolated):.3f}", "1.05"]


def small(repeats: int) -> list[str]:
    """Six networks of the experiment `digits`."""
    images = Split(torch.randint(256, (60, 1, 16, 16), dtype=torch.uint8), torch.randint(10, (60,)))
    make = lambda: small_conv(classes=10, channels=1, size=16, width=12)  # noqa: E731
    trainer = trainer_of(make, 6, images, batch_size=32)
    return compared("6 x small_conv, 16 px, batch 32", trainer, steps=10, repeats=repeats)


def large(networks: int, batch_size: int, pixels: int, repeats: int) -> list[str]:
    """Networks of the paper's Task I. A larger batch, 64 there, only lowers the ratio."""
    shape = batch_size, 3, pixels, pixels
    images = Split(torch.randint(256, shape, dtype=torch.uint8), torch.randint(200, (batch_size,)))
    trainer = trainer_of(lambda: Inception(200), networks, images, batch_size)
    name = f"{networks} x InceptionV3, {pixels} px, batch {batch_size}"
    return compared(name, trainer, steps=1, repeats=repeats)


def main() -> None:
    """Print the table."""
    quick = is_quick(__doc__)
    torch.manual_seed(0)
    torch.set_num_threads(1)  # as a job does
    rows = [small(2 if quick else 40), large(2, 2, 75, 1) if quick else large(5, 4, 299, 3)]
    columns = ["networks", "coupled parameters each (M)", "isolated (ms)", "joint (ms)", "ratio", "target"]
    print_table("CPU time of a step of all networks", columns, rows)


if __name__ == "__main__":
    main()
