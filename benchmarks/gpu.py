"""A GPU under jointnn: the same numbers as the CPU, the same bytes twice, speed and memory.

It needs torch, torchvision, numpy, scipy, safetensors and pydantic, and takes less than eight minutes: a
row is left out once they are nearly over. Without a GPU all is small, to see that it runs, and rows that
need CUDA say so.
"""

import argparse
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # cuBLAS is deterministic only with it

import torch
from gpu_memory import BESIDE, CASES, NETWORKS, gigabytes
from support.inception import inceptions, tensors_of
from support.tensors import Counted
from support.training import Bench
from torch import Tensor, nn
from torch.func import functional_call, stack_module_state, vmap
from torch.nn import functional

from jointnn.data.splits import Split
from jointnn.errors import one_line
from jointnn.methods.catalogue import plan
from jointnn.methods.plan import Plan, Problem
from jointnn.methods.settings import MethodSettings
from jointnn.models.architectures.convolutional import small_conv
from jointnn.tasks.classification import classification
from jointnn.training import checkpoints
from jointnn.training.device import compute_alike
from jointnn.training.loop import learn

MOST_SECONDS = 400
"""After which no further row is begun: eight minutes with the start of torch and the last row."""
TOLERANCE = 1e-3
"""Of the CPU: the largest difference of a parameter, over the largest distance that one has gone."""
NEEDS_CUDA = "needs CUDA: not measured"
LARGE, SMALL = (NETWORKS, 299, 64), (1, 75, 4)
"""InceptionV3: networks, pixels, images of a batch."""
FORMS: dict[str, dict[str, object]] = {
    "float32": {},
    "float32, channels_last": {"memory_format": "channels_last"},
    "bfloat16": {"precision": "bfloat16"},
    "bfloat16, channels_last": {"precision": "bfloat16", "memory_format": "channels_last"},
}


@dataclass(frozen=True)
class Machine:
    """The place of a measurement and its size: the paper's sizes, or small ones."""

    device: torch.device
    small: bool

    @property
    def has_cuda(self) -> bool:
        """Return whether the device is a GPU of NVIDIA, or one that torch calls so."""
        return self.device.type == "cuda"

    def wait(self) -> None:
        """Wait until the device has done what it was told."""
        if self.has_cuda:
            torch.cuda.synchronize(self.device)

    def seconds(self, call: Callable[[], object]) -> float:
        """Return the fastest wall time of a call [s], of all that fit into two seconds, after two calls."""
        times: list[float] = []
        call(), call()  # chooses kernels, takes memory
        while not times or sum(times) < (0 if self.small else 2):
            self.wait()
            start = perf_counter()
            call()
            self.wait()
            times.append(perf_counter() - start)
        return min(times)


Row = tuple[str, str, str]
"""A row of the table: the measurement, its result, the expected one."""


def small_networks(count: int, device: torch.device, batch: int = 32) -> Bench:
    """Return networks of the experiment `digits`, each on other made-up images."""
    modules, images = {}, {}
    drawn = torch.Generator().manual_seed(1)
    for place in range(count):
        torch.manual_seed(0)
        network = small_conv(classes=10, channels=1, size=16, width=12).to(device)
        modules[f"dataset_{place}"] = network.train()
        size = max(60, batch)
        pixels = torch.randint(256, (size, 1, 16, 16), dtype=torch.uint8, generator=drawn)
        labels = torch.randint(10, (size,), generator=drawn)
        images[f"dataset_{place}"] = Split(pixels.to(device), labels.to(device))
    settings = MethodSettings(steps=60, batch_size=batch, record_every=10, rounds=3, couple_head=True)
    return Bench.of(modules, images, classification(), settings)


def plan_of(bench: Bench) -> Plan:
    """Return the plan of `joint` for networks."""
    networks = bench.state.networks
    return plan("joint", Problem(networks.names, networks.layers_of_parts), bench.setup.settings)


def learned(device: torch.device, stop_at: int | None = None) -> dict[str, Tensor]:
    """Return all that a training by `joint` leaves. On the way it is saved and read into new networks.

    Args:
        stop_at: the step whose record is the end of the first process; None: no such end.
    """
    bench = small_networks(3, device)
    for _ in learn(bench.state, bench.setup, plan_of(bench)):
        if bench.state.step == stop_at:
            break
    if stop_at is not None:
        with TemporaryDirectory() as folder:
            checkpoints.save(Path(folder, "state.safetensors"), bench.state, {}, bench.setup.group)
            bench = small_networks(3, device)
            checkpoints.load(Path(folder, "state.safetensors"), bench.state, {}, bench.setup.group)
        for _ in learn(bench.state, bench.setup, plan_of(bench)):
            pass
    return {name: value.cpu().clone() for name, value in bench.state.tensors().items()}


def differing(one: Mapping[str, Tensor], other: Mapping[str, Tensor]) -> str:
    """Say how many of two trainings' tensors have other bytes."""
    names = one.keys() | other.keys()
    equal = sum(name in one and name in other and torch.equal(one[name], other[name]) for name in names)
    return f"{equal} of {len(names)} tensors equal to the last bit"


def checks(machine: Machine) -> Iterator[Row]:
    """Yield rows on numbers: the same as on the CPU, the same twice, the same after a stop."""
    kept = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False  # its products have three digits
    start = {k: v.cpu() for k, v in small_networks(3, torch.device("cpu")).state.tensors().items()}
    here, there = learned(machine.device), learned(torch.device("cpu"))
    torch.backends.cudnn.allow_tf32 = kept
    names = [name for name in there if name.startswith("networks/")]
    gone = max(float((there[name] - start[name]).abs().max()) for name in names)
    apart = max(float((there[name] - here[name]).abs().max()) for name in names)
    yield "60 steps of joint against the CPU", f"{apart / gone:.1e} of the way", f"below {TOLERANCE:.0e}"
    first = learned(machine.device)
    whole = f"all {len(first)}"
    yield "the same training twice", differing(first, learned(machine.device)), whole
    for step in (10, 30, 50):
        again = learned(machine.device, stop_at=step)
        yield f"stopped after {step} steps, saved, gone on", differing(first, again), whole


def speed(machine: Machine) -> Iterator[Row]:
    """Yield images per second of five InceptionV3 under `joint`, in each form."""
    count, pixels, batch = SMALL if machine.small else LARGE
    for name, form in list(FORMS.items())[: 2 if machine.small else None]:
        what = f"{count} x InceptionV3, {pixels} px, batch {batch}, {name}"
        try:
            with torch.device(machine.device):
                bench = inceptions(count, pixels, {**form, "batch_size": batch}, str(machine.device))
            couplings = bench.couplings(0.5)
            seconds = machine.seconds(lambda: bench.descend(couplings, 1, average=True))  # noqa: B023
            yield what, f"{count * batch / seconds:.0f} images per second", ""
        except RuntimeError as error:  # of memory, for instance: the other forms may need less
            yield what, failed(error), ""


def memory(machine: Machine) -> Iterator[Row]:
    """Yield the peak memory of a step in each case of benchmarks/gpu_memory.py, and what that computes."""
    count, pixels, batch = SMALL if machine.small else LARGE
    for name, settings in list(CASES.items())[: 2 if machine.small else None]:
        held, computed = gigabytes(settings, pixels, batch)
        computed -= (NETWORKS - count) * held / NETWORKS
        what = f"memory of a step, {count} x InceptionV3, {pixels} px, batch {batch}, {name}"
        expected = f"{computed:.2f} GB, and up to {BESIDE} beside tensors"
        try:
            with TemporaryDirectory() as folder:
                place = folder if settings.get("others_on_disk") else None
                chosen = {**settings, "batch_size": batch}
                bench = inceptions(count, pixels, chosen, str(machine.device), folder=place)
                couplings = bench.couplings(0.0)
                bench.descend(couplings, 1)
                peak = _peak(machine, bench, lambda: bench.descend(couplings, 1))  # noqa: B023
            yield what, f"{peak:.2f} GB", expected
        except RuntimeError as error:  # of memory, for instance: the other cases may need less
            yield what, failed(error), expected


def _peak(machine: Machine, bench: Bench, step: Callable[[], object]) -> float:
    """Return the most memory that tensors have during a step, in GB of 10^9 bytes."""
    if not machine.has_cuda:
        with Counted(tensors_of(bench)) as counted:
            step()
        return float(counted.peak) / 1e9
    torch.cuda.reset_peak_memory_stats(machine.device)
    step()
    machine.wait()
    return float(torch.cuda.max_memory_allocated(machine.device)) / 1e9


def many(machine: Machine) -> Iterator[Row]:
    """Yield times of a step of many small networks: in a loop, as one batched network, as a CUDA graph."""
    for count in (4,) if machine.small else (16, 64):
        bench = small_networks(count, machine.device)
        apart = bench.couplings(0.0)
        what = f"{count} x small_conv, batch 32, a step of all"
        loop = machine.seconds(lambda: bench.descend(apart, 1))  # noqa: B023
        yield f"{what}: our loop", f"{1000 * loop:.2f} ms", ""
        batched = machine.seconds(batched_step(bench, machine.device))
        yield f"{what}: batched (vmap)", f"{1000 * batched:.2f} ms", f"{loop / batched:.1f} times as fast"
        if not machine.has_cuda:
            yield f"{what}: a CUDA graph", NEEDS_CUDA, ""
            continue
        graph = machine.seconds(graph_step(count, machine.device))
        yield f"{what}: a CUDA graph", f"{1000 * graph:.2f} ms", f"{loop / graph:.1f} times as fast"


def _batch(count: int, device: torch.device, size: int = 32) -> tuple[Tensor, Tensor]:
    return torch.randn(count, size, 1, 16, 16, device=device), torch.randint(
        10, (count, size), device=device
    )


def batched_step(bench: Bench, device: torch.device) -> Callable[[], None]:
    """Return a function that takes a step of SGD of all networks as one.

    Their parameters are stacked and their layers batched.
    """
    modules = list(bench.state.networks.modules.values())
    parameters, buffers = stack_module_state([network_like(module) for module in modules])
    leaves = {name: value.detach().requires_grad_() for name, value in parameters.items()}
    optimizer = torch.optim.SGD(leaves.values(), lr=0.01, momentum=0.9)
    inputs, labels = _batch(len(modules), device, bench.setup.settings.batch_size)

    def scores(of_one: dict[str, Tensor], kept: dict[str, Tensor], values: Tensor) -> Tensor:
        found: Tensor = functional_call(modules[0], (of_one, kept), (values,))
        return found

    def step() -> None:
        optimizer.zero_grad()
        found = vmap(scores)(leaves, buffers, inputs)
        functional.cross_entropy(found.flatten(0, 1), labels.flatten(), reduction="sum").backward()
        optimizer.step()

    return step


def network_like(module: nn.Module) -> nn.Module:
    """Return a network with the same values and parameters of its own, no views of stacked ones."""
    device = next(module.parameters()).device
    made = small_conv(classes=10, channels=1, size=16, width=12).to(device)
    made.load_state_dict(module.state_dict())
    return made


def graph_step(count: int, device: torch.device) -> Callable[[], None]:
    """Return a function that takes a step of plain loops over all networks, as a CUDA graph."""
    networks = [small_conv(classes=10, channels=1, size=16, width=12).to(device) for _ in range(count)]
    parameters = [parameter for network in networks for parameter in network.parameters()]
    optimizer = torch.optim.SGD(parameters, lr=0.01, momentum=0.9)
    inputs, labels = _batch(count, device)

    def step() -> None:
        optimizer.zero_grad(set_to_none=False)
        for place, network in enumerate(networks):
            functional.cross_entropy(network(inputs[place]), labels[place]).backward()
        optimizer.step()

    aside = torch.cuda.Stream(device)
    aside.wait_stream(torch.cuda.current_stream(device))
    with torch.cuda.stream(aside):  # as torch asks for before a capture
        for _ in range(3):
            step()
    torch.cuda.current_stream(device).wait_stream(aside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()
    return graph.replay


PARTS = [checks, many, speed, memory]
"""The shortest first."""


def failed(error: RuntimeError) -> str:
    """Return the text of a row that has no number."""
    return f"failed: {one_line(error)}".replace("|", "/")


def say(*cells: str) -> None:
    """Print a row at once: on a machine that is lent, what was measured is not to be lost."""
    print("| " + " | ".join(cells) + " |", flush=True)


def machine_of() -> Machine:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument(
        "--small", "--quick", action="store_true", help="small sizes; the times mean little"
    )
    call = parser.parse_args()
    device = torch.device(call.device)
    if device.type == "cuda" and not torch.cuda.is_available():
        sys.exit("There is no GPU that torch can use here. `--device cpu --small` shows that all runs.")
    return Machine(device, call.small or device.type != "cuda")


def main() -> None:
    """Print the table, row by row."""
    begin = perf_counter()
    machine = machine_of()
    compute_alike(1)
    name = torch.cuda.get_device_name(machine.device) if machine.has_cuda else "not measured on a GPU"
    sizes = "small sizes" if machine.small else "full sizes"
    print(f"On {machine.device}: {name}, {sizes}, torch {torch.__version__} ({os.cpu_count()} cores)\n")
    say("what", "found", "expected")
    say("---", "---:", "---:")
    for part in PARTS:
        if perf_counter() - begin > MOST_SECONDS:
            say(part.__name__, "left out: the time was over", "")
            continue
        try:
            for row in part(machine):
                say(*row)
                if perf_counter() - begin > MOST_SECONDS:
                    say(part.__name__, "the rest is left out: the time was over", "")
                    break
        except RuntimeError as error:  # of the device: the rows after it may still be had
            say(part.__name__, failed(error), "")
    say("time of all", f"{perf_counter() - begin:.0f} s", "below 480 s")


if __name__ == "__main__":
    main()
