"""Bytes that the ranks of a run exchange: computed from the sizes of layers, and counted by the system."""

from pathlib import Path

from jointnn.ranks.group import Group


def mixing_bytes(group: Group, columns: int, size: int = 4) -> list[float]:
    """Return the bytes that each rank sends for one mixing, as many as it receives.

    Columns of layers are spread evenly: each rank gets, of its part of them, the rows of all others, and
    gives back what it made of them.

    Args:
        columns: coupled parameters of one network.
        size: bytes of a number.
    """
    mine, networks = columns / group.size, len(group.names)
    counts = [len(share) for share in group.shares]
    return [size * (count * (columns - mine) + (networks - count) * mine) for count in counts]


def loopback() -> int:
    """Return the number of bytes that this machine has sent to itself."""
    lines = Path("/proc/net/dev").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.strip().startswith("lo:"))
