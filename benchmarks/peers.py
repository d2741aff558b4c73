"""Five small networks in a plain loop, in Lightning's and in ours: alone, with a penalty, and coupled.

The penalty is what one writes first: a sum over pairs of networks, in the loss.

All loops see the same batches on one thread. Lightning's is its fastest (`Trainer(barebones=True)`). Where
the package pytorch-lightning is missing, its rows are left out.
"""

import json
import logging
import os
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from importlib.util import find_spec
from itertools import combinations, pairwise
from time import process_time
from typing import Any

import torch
from support import forget_peak, is_quick, memory, print_table
from torch import Tensor, nn
from torch.nn import functional

import jointnn
from jointnn.data.splits import as_float
from jointnn.models.architectures.convolutional import small_conv

NETWORKS, BATCH, IMAGES, RATE, MOMENTUM = 5, 32, 320, 0.02, 0.9
RECORD_EVERY = 50
LAMBDA = 0.1
"""Of the penalty and of the coupling alike: the difference of two networks halves in some three steps."""
LIGHTNING = "pytorch_lightning"
Batch = dict[str, tuple[Tensor, Tensor]]
Networks = dict[str, nn.Module]


def networks() -> Networks:
    """Return the five networks of the experiment `digits`, at one start."""
    made = {}
    for place in range(NETWORKS):
        torch.manual_seed(0)
        made[f"dataset_{place}"] = small_conv(classes=10, channels=1, size=16, width=12).train()
    return made


def images() -> Batch:
    """Return pixels and labels of each dataset. Their values do not change the time of a step."""
    drawn = torch.Generator().manual_seed(1)
    return {
        f"dataset_{place}": (
            torch.randint(256, (IMAGES, 1, 16, 16), dtype=torch.uint8, generator=drawn),
            torch.randint(10, (IMAGES,), generator=drawn),
        )
        for place in range(NETWORKS)
    }


def batches(steps: int) -> Iterator[Batch]:
    """Yield a batch of every dataset, as floats, in each step."""
    data, drawn = images(), torch.Generator().manual_seed(2)
    for _ in range(steps):
        chosen = torch.randint(IMAGES, (BATCH,), generator=drawn)
        yield {name: (as_float(pixels[chosen]), labels[chosen]) for name, (pixels, labels) in data.items()}


def penalty(nets: Networks) -> Tensor:
    """Return (6) with weights of 1 as it is first written: a sum over pairs of networks and blocks."""
    total = torch.zeros(())
    for one, other in combinations(nets.values(), 2):
        layers = [
            sum((x - y).square().sum() for x, y in zip(a.parameters(), b.parameters(), strict=True))
            for a, b in zip(one.children(), other.children(), strict=True)
            if any(True for _ in a.parameters())
        ]
        total = total + sum(first + second for first, second in pairwise(layers))
    return LAMBDA * total


def loss_of(nets: Networks, batch: Batch) -> Tensor:
    """Return the sum of the data terms f_i."""
    losses = [functional.cross_entropy(net(batch[name][0]), batch[name][1]) for name, net in nets.items()]
    return torch.stack(losses).sum()


def sgd(nets: Networks) -> torch.optim.SGD:
    """Return one optimizer of all networks."""
    parameters = [parameter for net in nets.values() for parameter in net.parameters()]
    return torch.optim.SGD(parameters, lr=RATE, momentum=MOMENTUM)


def coupling_of(nets: Networks, steps: int) -> jointnn.Coupling:
    """Return the coupling of networks by the method `joint`, as strong as the penalty."""
    return jointnn.Coupling(nets, lambda_=LAMBDA, steps=steps, couple_head=True)


def plain(coupled_by: str, steps: int, given: Networks | None = None) -> float:
    """Train in a loop as one writes it, each data term with its own `backward`; return its CPU time [s]."""
    nets = given or networks()
    optimizer = sgd(nets)
    if coupled_by == "jointnn.Coupling":
        coupling_of(nets, steps).attach(optimizer)
    start = process_time()
    for batch in batches(steps):
        optimizer.zero_grad()
        for name, net in nets.items():
            inputs, labels = batch[name]
            functional.cross_entropy(net(inputs), labels).backward()
        if coupled_by == "penalty in the loss":
            penalty(nets).backward()
        optimizer.step()
    return process_time() - start


def lightning(coupled_by: str, steps: int, given: Networks | None = None) -> float:
    """Train in Lightning's loop; return the CPU time from its first step to the end of its last [s]."""
    import pytorch_lightning

    class Module(pytorch_lightning.LightningModule):
        def __init__(self, nets: Networks) -> None:
            super().__init__()
            self.nets = nn.ModuleDict(nets)
            self.taken = 0.0

        def training_step(self, batch: Batch) -> Tensor:
            loss = loss_of(nets, batch)
            return loss + penalty(nets) if coupled_by == "penalty in the loss" else loss

        def configure_optimizers(self) -> torch.optim.SGD:
            optimizer = sgd(nets)
            if coupled_by == "jointnn.Coupling":
                coupling_of(nets, steps).attach(optimizer)
            return optimizer

        def on_train_start(self) -> None:
            self.taken -= process_time()

        def on_train_end(self) -> None:
            self.taken += process_time()

    logging.getLogger(LIGHTNING).setLevel(logging.ERROR)
    nets = given or networks()
    module = Module(nets)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that it has few workers, and does not know how many batches come
        trainer = pytorch_lightning.Trainer(barebones=True, max_steps=steps, accelerator="cpu", devices=1)
        trainer.fit(module, train_dataloaders=batches(steps))
    return module.taken


class Moments(logging.Handler):
    """Takes down when each record of `jointnn.fit` is made, which it logs."""

    def __init__(self) -> None:
        super().__init__()
        self.taken: list[float] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Take down the CPU time of now."""
        del record
        self.taken.append(process_time())


def fitted(method: str, steps: int) -> float:
    """Train by `jointnn.fit`; return the CPU time of so many steps between its first and last record [s].

    A record is made every fifty steps and at the end of a round, as in `digits`, and measures the losses of
    32 images of each dataset.
    """
    whole = {name: (pixels[32:], labels[32:]) for name, (pixels, labels) in images().items()}
    held_out = {name: (pixels[:32], labels[:32]) for name, (pixels, labels) in images().items()}
    chosen: dict[str, Any] = {"lambda_": LAMBDA, "couple_head": True} if method == "joint" else {}
    moments, logger = Moments(), logging.getLogger("jointnn.training.fit")
    logger.addHandler(moments)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        found = jointnn.fit(
            whole,
            next(iter(networks().values())),
            method=method,
            validation=held_out,
            steps=steps,
            batch_size=BATCH,
            learning_rate=RATE,
            momentum=MOMENTUM,
            record_every=min(RECORD_EVERY, max(1, steps // 2)),
            threads=1,
            **chosen,
        )
    finally:
        logger.removeHandler(moments)
    between = found.history[-1].step - found.history[0].step
    return (moments.taken[-1] - moments.taken[0]) * steps / between


Case = Callable[[int], float]
CASES: dict[tuple[str, str], Case] = {
    ("plain", "nothing"): partial(plain, "nothing"),
    ("plain", "penalty in the loss"): partial(plain, "penalty in the loss"),
    ("plain", "jointnn.Coupling"): partial(plain, "jointnn.Coupling"),
    ("Lightning", "nothing"): partial(lightning, "nothing"),
    ("Lightning", "penalty in the loss"): partial(lightning, "penalty in the loss"),
    ("Lightning", "jointnn.Coupling"): partial(lightning, "jointnn.Coupling"),
    ("jointnn.fit", "nothing: isolated"): partial(fitted, "isolated"),
    ("jointnn.fit", "joint"): partial(fitted, "joint"),
}
"""A loop and what couples its networks, by the seconds that so many steps take."""
TARGETS = {("plain", "jointnn.Coupling"): "1.1", ("jointnn.fit", "joint"): "1.1"}
"""Over the plain loop that couples nothing, as in benchmarks/epoch.py."""


def measure(loop: str, coupled_by: str, steps: int) -> None:
    """Print the peak memory of this process, and how far it lies above what all is imported with, in MB."""
    torch.set_num_threads(1)
    if loop == "Lightning":
        import pytorch_lightning  # noqa: F401
    CASES[loop, coupled_by](2)  # loads what torch loads at first use
    forget_peak()
    before = memory("VmRSS")
    CASES[loop, coupled_by](steps)
    print(json.dumps([memory("VmHWM"), memory("VmHWM") - before]))


def memory_of(loop: str, coupled_by: str, steps: int) -> tuple[float, float]:
    """Return the memory that `measure` finds, in a process of its own."""
    command = [sys.executable, "-W", "ignore", __file__, "--case", loop, coupled_by, str(steps)]
    found = subprocess.run(command, check=True, capture_output=True, text=True, env=dict(os.environ)).stdout
    whole, above = json.loads(found.splitlines()[-1])
    return whole, above


def fastest(cases: Sequence[tuple[str, str]], steps: int, repeats: int) -> list[float]:
    """Return the fastest CPU time of a step of all networks in each case [s], timed in turns."""
    taken: list[list[float]] = [[] for _ in cases]
    for _ in range(repeats + 1):
        for case, times in zip(cases, taken, strict=True):
            times.append(CASES[case](steps) / steps)
    return [min(times[1:]) for times in taken]  # the first turn is not counted


def main() -> None:
    """Print the table, or measure the memory of one case for it."""
    if sys.argv[1:2] == ["--case"]:
        measure(sys.argv[2], sys.argv[3], int(sys.argv[4]))
        return
    quick = is_quick(__doc__)
    torch.set_num_threads(1)
    has_lightning = find_spec(LIGHTNING) is not None
    if not has_lightning:
        print(
            "pytorch-lightning is not installed, so its rows are left out: pip install pytorch-lightning."
        )
    cases = [case for case in CASES if case[0] != "Lightning" or has_lightning]
    if quick:
        cases = cases[1::3]
    steps = 20 if quick else 250
    times = fastest(cases, steps, 1 if quick else 3)
    rows = []
    for case, seconds in zip(cases, times, strict=True):
        whole, above = memory_of(*case, steps)
        rows.append([*case, f"{1000 * seconds:.2f}", f"{1 / seconds:.0f}", f"{seconds / times[0]:.3f}"])
        rows[-1] += [TARGETS.get(case, ""), f"{whole:.0f}", f"{above:.1f}"]
    columns = ["loop", "coupled by", "step of all (ms)", "steps per second", "/ first row", "target"]
    columns += ["process (MB)", "of it the loop (MB)"]
    title = f"{NETWORKS} x small_conv, 16 px, batch {BATCH}: CPU time of a step, the fastest of several"
    print_table(title, columns, rows)


if __name__ == "__main__":
    main()
