"""Helpers of the benchmarks. Importing them makes the project's root importable, wherever Python starts."""

import argparse
import gc
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from time import process_time

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))


def is_quick(description: str | None) -> bool:
    """Read the command line. --quick: few and small cases, to see that the benchmark runs."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="few and small cases; the numbers mean little")
    return bool(parser.parse_args().quick)


def print_table(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table in Markdown, with the cores it was measured on."""
    from jointnn.reporting.tables import markdown_grid  # when all is measured: it imports pandas

    print(f"{title} ({os.cpu_count()} cores)\n\n{markdown_grid([columns, *rows])}\n")


def free_memory() -> int:
    """Return the bytes of memory that a process can have now (Linux)."""
    lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("MemAvailable")) * 1024


def memory(key: str) -> float:
    """Return VmRSS, the memory in use, or VmHWM, its peak, of this process, in MB of 10^6 bytes (Linux)."""
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith(key)) * 1024 / 1e6


def forget_peak() -> None:
    """Let the peak of this process's memory start again from what is in use now (Linux)."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def interleaved(cases: Sequence[Callable[[], object]], repeats: int) -> list[list[float]]:
    """Return the CPU times of each case [s], run in turns A B A B: a busy machine troubles all alike.

    Returns:
        A list of `repeats` times per case, after one turn that is not counted.
    """
    times: list[list[float]] = [[] for _ in cases]
    for _ in range(repeats + 1):
        for case, taken in zip(cases, times, strict=True):
            start = process_time()
            case()
            taken.append(process_time() - start)
    return [taken[1:] for taken in times]
