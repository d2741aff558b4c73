"""activations: what a frozen trunk makes of images, once for all jobs that learn from it."""

import torch
from torch import Tensor, nn

from jointnn.data.splits import as_float
from jointnn.errors import UserError, failed
from jointnn.io import paths
from jointnn.io.tensors import check_header, read_tensors, write_tensors
from jointnn.jobs.specs import ActivationsJob
from jointnn.models.architectures import trunk

BATCH = 64


def run(job: ActivationsJob) -> None:
    """Write data/prepared/<dataset>-<size>-<trunk>.safetensors, and ...-test: activations, as images are.

    `images` are floats, what the trunk gives for each; all else is that of the images.
    """
    torch.set_num_threads(1)
    torch.use_deterministic_algorithms(True)
    network = trunk_of(job.trunk, job.channels, job.size)
    for test in (False, True):
        path = paths.prepared(job.dataset, job.size, test)
        arrays, header = read_tensors(path)
        check_header(path, header, {"dataset": job.dataset, "channels": job.channels})
        found = activations_of(network, torch.from_numpy(arrays["images"]), job.trunk)
        write_tensors(
            paths.prepared(job.dataset, job.size, test, job.trunk),
            {**arrays, "images": found.numpy()},
            {**header, "trunk": job.trunk},
        )


def trunk_of(name: str, channels: int, size: int) -> nn.Module:
    """Return a frozen trunk for images of a size.

    Raises:
        UserError: it cannot be made.
    """
    try:
        made: nn.Module = trunk[name](channels=channels, size=size)
        return made.eval()
    except (UserError, MemoryError):
        raise
    except Exception as error:  # one's own can raise anything
        what = f"The trunk {name} could not be made for {channels} channels and {size} pixels"
        raise failed(what, error) from error


@torch.no_grad()
def activations_of(network: nn.Module, images: Tensor, name: str) -> Tensor:
    """Return what a trunk makes of images, uint8 (N, C, H, W).

    Raises:
        UserError: it cannot take them, or gives no tensor with a row for each.
    """
    try:
        made = [network(as_float(batch)) for batch in images.split(BATCH)]
    except (UserError, MemoryError):
        raise
    except Exception as error:  # one's own can raise anything
        what = f"The trunk {name} cannot take images of shape {tuple(images.shape[1:])}"
        raise failed(what, error) from error
    if not all(isinstance(found, Tensor) for found in made) or sum(map(len, made)) != len(images):
        raise UserError(
            f"The trunk {name} gives {type(made[0]).__name__} and no tensor with a row for each image."
        )
    return torch.cat(made)
