"""One step of all five InceptionV3 of the experiment `fine_grained` on this machine: time and memory.

Random weights and blank images of the right size; each case in a process of its own. --batch sets the
images per step (64 in the paper).
"""

import argparse
import json
import subprocess
import sys
from tempfile import TemporaryDirectory
from time import process_time

import torch
from support import memory, print_table
from support.inception import inceptions, tensors_of
from support.tensors import Counted

from jointnn.training.couplings import effective_step

CASES: dict[str, dict[str, object]] = {
    "as it is": {},
    "channels_last": {"memory_format": "channels_last"},
    "accumulate: 2": {"accumulate": 2},
    "checkpoint_activations": {"checkpoint_activations": True},
    "block_coordinate, others_on_disk": {
        "solver": "block_coordinate",
        "turn": "step",
        "others_on_disk": True,
    },
}
TARGET = "2 %"
"""Of a step, for the proximal step."""


def measure(name: str, networks: int, pixels: int, batch_size: int) -> None:
    """Take three steps and print what they took, as JSON: seconds, MB, milliseconds.

    Files that are mapped into memory count as memory of the process, but not as tensors.
    """
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    torch.manual_seed(0)
    before = memory("VmRSS")
    with TemporaryDirectory() as folder:
        settings = {**CASES[name], "batch_size": batch_size}
        place = folder if settings.get("others_on_disk") else None
        bench = inceptions(networks, pixels, settings, folder=place)
        couplings = bench.couplings(0.5)
        bench.descend(couplings, 1)  # loads what torch loads at first use
        start = process_time()
        bench.descend(couplings, 1)
        seconds = process_time() - start
        peak = memory("VmHWM") - before
        kept = list(tensors_of(bench))
        with Counted(elsewhere=kept) if place else Counted(kept) as counted:
            bench.descend(couplings, 1)
        start = process_time()
        layers = [layer.data for layer in bench.state.networks.coupled]
        couplings.mixer.mix_(layers, effective_step(bench.setup.settings, 0.01))
        mixing = process_time() - start
    found = {"seconds": seconds, "process": peak, "tensors": counted.peak / 1e6, "mixing": 1000 * mixing}
    print(json.dumps(found))


def row(name: str, networks: int, pixels: int, batch_size: int) -> list[str]:
    """Return one row of the table, measured in a process of its own."""
    command = [sys.executable, __file__, "--case", name, *map(str, (networks, pixels, batch_size))]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    found = json.loads(done.stdout)
    cells = [f"{found['seconds']:.2f}", f"{found['process']:.0f}", f"{found['tensors']:.0f}"]
    if "others_on_disk" in name:
        return [name, *cells, "", "", ""]
    share = found["mixing"] / (1000 * found["seconds"])
    return [name, *cells, f"{found['mixing']:.0f}", f"{100 * share:.1f} %", TARGET]


def main() -> None:
    """Print the table, or measure one case for it."""
    if sys.argv[1:2] == ["--case"]:
        measure(sys.argv[2], *map(int, sys.argv[3:]))
        return
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="small cases; the numbers mean little")
    parser.add_argument("--batch", type=int, default=4, help="images per step and network")
    given = parser.parse_args()
    networks, pixels, batch_size = (2, 75, 4) if given.quick else (5, 299, given.batch)
    names = list(CASES)[::4] if given.quick else list(CASES)
    columns = ["settings", "step of all, CPU (s)", "process (MB)", "tensors (MB)"]
    columns += ["proximal step (ms)", "of a step", "target"]
    rows = [row(name, networks, pixels, batch_size) for name in names]
    title = f"{networks} x InceptionV3, {pixels} px, batch {batch_size}, one thread, peak memory"
    print_table(title, columns, rows)


if __name__ == "__main__":
    main()
