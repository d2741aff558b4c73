"""activations: what a frozen trunk makes of images, once for all jobs that learn from it."""

import torch

from jointnn.io import paths
from jointnn.io.tensors import check_header, read_tensors, write_tensors
from jointnn.jobs.specs import ActivationsJob
from jointnn.tasks.activations import activations_of, trunk_of
from jointnn.training.device import compute_alike


def run(job: ActivationsJob) -> None:
    """Write data/prepared/<dataset>-<size>-<trunk>.safetensors, and ...-test: activations, as images are.

    `images` are floats, what the trunk gives for each; all else is that of the images.
    """
    compute_alike(1)
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
