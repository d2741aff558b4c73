"""Groups of real processes, which share the networks of a run: forked from one that has imported torch."""

import os
import tempfile
from collections.abc import Callable
from datetime import timedelta
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist

from helpers.training import labelled, mlp, names, plan_of, scores, training_of
from jointnn.io.files import write_atomically
from jointnn.jobs.specs import TrainingJob
from jointnn.methods.settings import MethodSettings
from jointnn.ranks import group as groups
from jointnn.ranks.group import Group
from jointnn.training.loop import learn

CONTEXT = get_context("forkserver")
CONTEXT.set_forkserver_preload(["torch", "safetensors.numpy", "pydantic"])


def in_group(size: int, function: Callable[..., Any], *arguments: Any) -> list[Any]:
    """Return the results of a function in each rank of a group of `size`, all in this folder.

    An error of a rank is raised here, where all ranks end in one.
    """
    with tempfile.TemporaryDirectory() as folder:
        ranks = []
        for rank in range(size):
            here, there = CONTEXT.Pipe(duplex=False)
            where = rank, size, f"{folder}/store", str(Path.cwd())
            process = CONTEXT.Process(target=_work, args=(there, where, function, arguments))
            process.start()
            there.close()
            ranks.append((process, here))
        answers = [here.recv() for _, here in ranks]
        for process, _ in ranks:
            process.join()
    for answer in answers:
        if isinstance(answer, Exception):
            raise answer
    return answers


def _work(answer: Connection, where: tuple[int, int, str, str], function, arguments) -> None:
    rank, size, store, folder = where
    os.chdir(folder)
    os.environ["GLOO_SOCKET_IFNAME"] = "lo"
    torch.set_num_threads(1)
    dist.init_process_group("gloo", f"file://{store}", timedelta(seconds=60), size, rank)
    try:
        answer.send(function(*arguments))
    except Exception as error:  # raised again where it is awaited
        answer.send(error)
    dist.destroy_process_group()


def trained(count: int, method: str, settings: dict[str, Any], bytes_at_once: int | None = None) -> dict:
    """Return a method's results for `count` small networks with batch norm, of one seed, on this rank."""
    groups.BYTES_AT_ONCE = bytes_at_once or groups.BYTES_AT_ONCE
    base = {"batch_size": 8, "steps": 20, "record_every": 5, "learning_rate": 0.05, "rounds": 3}
    group = Group.of(names(count))
    training = training_of(
        {name: mlp() for name in group.own},
        [labelled(place) for place in group.share],
        scores(),
        MethodSettings.model_validate({**base, **settings}),
        group=group,
    )
    state = training.state
    for _ in learn(state, training.setup, plan_of(training, method)):
        pass
    return {
        "networks": {
            name: {key: value.numpy() for key, value in module.state_dict().items()}
            for name, module in training.networks.modules.items()
        },
        "history": state.history,
        "weights": [found.weights.numpy() for found in state.rounds],
        "bytes": sum(row.numel() * row.element_size() for row in training.networks.coupled),
    }


def write_settings(job: TrainingJob) -> str:
    """Write a job's settings file where it belongs."""
    write_atomically(Path(job.settings_file), job.settings_text.encode())
    return job.settings_file
