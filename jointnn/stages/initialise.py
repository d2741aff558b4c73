"""initialise: the common start of a seed, the same parameters for every network."""

import torch

from jointnn.data.sampling import generator
from jointnn.io import paths
from jointnn.io.tensors import Tensors, write_tensors
from jointnn.jobs.specs import InitialiseJob
from jointnn.stages.build import header_of, network_of
from jointnn.stages.check_networks import checked
from jointnn.training.state import NETWORKS


def run(job: InitialiseJob) -> None:
    """Write state.safetensors into the folder that the job names as its start.

    Random numbers start again for each network, so networks of one architecture are equal; where heads
    differ in size, what comes before the head is still equal.

    Before that they are looked at, so that a mistake in a network or a task is a sentence here and not the
    end of the first training: the log has a table of their layers and of what each method couples.

    Raises:
        UserError: a network does not fit its data, its task or a method.
    """
    if job.purpose:
        print(checked(job, job.purpose), flush=True)  # noqa: T201
    arrays: Tensors = {}
    for dataset in job.datasets:
        torch.manual_seed(generator(job.seed, "start").initial_seed())
        network = network_of(job, dataset).state_dict()
        arrays |= {f"{NETWORKS}/{dataset}/{name}": value.numpy() for name, value in network.items()}
    write_tensors(paths.state(job.start), arrays, header_of(job))
