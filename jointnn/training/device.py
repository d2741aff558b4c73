"""Where networks are trained: devices by name, and how many threads compute there."""

from functools import lru_cache

import torch

from jointnn.errors import UserError


def device_of(name: str) -> torch.device:
    """Return the device of a setting. `auto` is a GPU that knows float64, or else the CPU.

    Raises:
        UserError: there is no such device here, or it has no float64, in which distances are summed.
    """
    if name == "auto":
        accelerator = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
        usable = accelerator is not None and accelerator.type != "mps"
        return accelerator if accelerator and usable else torch.device("cpu")
    try:
        torch.empty(0, device=name, dtype=torch.float64)
    except (RuntimeError, AssertionError, TypeError) as error:
        raise UserError(f"device: {name!r} is not to be had here. Set device: auto.") from error
    return torch.device(name)


def compute_alike(threads: int) -> None:
    """Have torch compute with so many threads, and give the same numbers each time.

    `torch.use_deterministic_algorithms` does the same and imports torch's compiler, which takes a second.
    """
    torch.set_num_threads(threads)
    torch.set_deterministic_debug_mode("error")


@lru_cache
def knows_float64(device: torch.device) -> bool:
    """Return whether a device computes in float64: Apple's mps does not."""
    try:
        torch.empty(0, device=device, dtype=torch.float64)
    except (RuntimeError, TypeError):
        return False
    return True
