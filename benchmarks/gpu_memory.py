"""For which GPU memory five InceptionV3 of 299 pixels train at batch 64, with which settings.

Computed from the sizes of all tensors of a step, taken on the device `meta`; benchmarks/inception.py holds
the same count against the memory of a real step.
"""

from support import is_quick, print_table
from support.inception import inceptions, tensors_of
from support.tensors import Counted

from jointnn.training.updates import gradient_steps

NETWORKS = 5
MEMORIES = [8, 12, 16, 24, 40, 80]
"""Of GPUs, in GB."""
BESIDE = 1.5
"""GB that are no tensors: CUDA itself, work areas of convolutions, gaps between blocks of memory."""
CASES: dict[str, dict[str, object]] = {
    "as it is": {},
    "accumulate: 2": {"accumulate": 2},
    "accumulate: 4": {"accumulate": 4},
    "checkpoint_activations": {"checkpoint_activations": True},
    "checkpoint_activations, accumulate: 2": {"checkpoint_activations": True, "accumulate": 2},
    "others_on_disk": {"others_on_disk": True},
    "others_on_disk, accumulate: 2": {"others_on_disk": True, "accumulate": 2},
    "others_on_disk, checkpoint_activations": {"others_on_disk": True, "checkpoint_activations": True},
}


def gigabytes(settings: dict[str, object], pixels: int, batch_size: int) -> tuple[float, float]:
    """Return the memory held between steps, and the most during a step, in GB (10^9 bytes).

    One network is taken through a step. The others only lie there meanwhile, as large as it is.
    """
    bench = inceptions(1, pixels, {**settings, "batch_size": batch_size}, "meta")
    gradient_steps(bench.state, bench.setup, 0, 0.01)  # the optimiser makes its states
    with Counted(tensors_of(bench)) as counted:
        held = counted.now
        gradient_steps(bench.state, bench.setup, 1, 0.01)
    step = counted.peak - held
    if settings.get("others_on_disk"):
        # Averages are on disk too; in their place is what the others pull to, for a turn.
        return held / 1e9, (held + step) / 1e9
    return NETWORKS * held / 1e9, (NETWORKS * held + step) / 1e9


def row(name: str, settings: dict[str, object], pixels: int, batch_size: int) -> list[str]:
    """Return one row of the table."""
    held, peak = gigabytes(settings, pixels, batch_size)
    fits = ["yes" if peak + BESIDE <= memory else "no" for memory in MEMORIES]
    return [name, f"{held:.1f}", f"{peak:.1f}", *fits]


def main() -> None:
    """Print the table."""
    quick = is_quick(__doc__)
    pixels, batch_size = (75, 8) if quick else (299, 64)
    cases = list(CASES.items())[:3] if quick else list(CASES.items())
    columns = ["settings", "between steps (GB)", "in a step (GB)", *(f"{memory} GB" for memory in MEMORIES)]
    rows = [row(name, settings, pixels, batch_size) for name, settings in cases]
    title = f"{NETWORKS} x InceptionV3, {pixels} px, batch {batch_size}, {BESIDE} GB beside tensors"
    print_table(title, columns, rows)


if __name__ == "__main__":
    main()
