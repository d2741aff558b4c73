"""How the processes of a run are started and find each other: by torchrun here, by srun in a job of SLURM.

No torch until processes are started: the command line asks first whether there are several.
"""

import logging
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

from jointnn.errors import LostRankError, UserError

STORE = "JOINTNN_STORE"
"""A variable of the environment, `FILE:PID`: the file by which processes that `start` has started find each
other, and the process that waits for them."""
STANDS_STILL = timedelta(minutes=30)
"""How long a process waits for another one. One that ended is noticed at once."""
AGAIN = "Call the same again: the job goes on from its last record."


def is_rank() -> bool:
    """Return whether this process is one of several that torchrun or srun has started."""
    return "TORCHELASTIC_RUN_ID" in os.environ or int(os.environ.get("SLURM_STEP_NUM_TASKS", "1")) > 1


def start(words: Sequence[str], processes: int) -> None:
    """Run `python WORDS` in so many processes, and wait until all have ended.

    In a job of SLURM that has as many tasks it is srun that starts them, on all its nodes; else they are
    started here, as torchrun does, and talk to each other inside this machine.

    Raises:
        UserError: one of them failed: its own sentence, or which one was killed and by what.
    """
    if os.environ.get("SLURM_NTASKS") == str(processes):
        _by_srun(words, processes)
    else:
        _by_torchrun(words, processes)


def _by_srun(words: Sequence[str], processes: int) -> None:
    each = os.environ.get("SLURM_CPUS_PER_TASK")  # which srun does not take over by itself
    options = [
        f"--ntasks={processes}",
        "--kill-on-bad-exit=1",
        *([f"--cpus-per-task={each}"] if each else []),
    ]
    code = subprocess.run(["srun", *options, sys.executable, *words], check=False).returncode
    if code:
        raise UserError(
            f"srun ended with code {code}; lines above say which process failed, and why. {AGAIN}"
        )


def _by_torchrun(words: Sequence[str], processes: int) -> None:
    from torch.distributed.elastic.multiprocessing.api import DefaultLogsSpecs, SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo")
    os.environ.setdefault("NCCL_SOCKET_IFNAME", "lo")
    # Files in the place of servers: nothing listens on the network, and no port can be taken.
    os.environ["TORCH_DISABLE_SHARE_RDZV_TCP_STORE"] = "1"
    with tempfile.TemporaryDirectory(prefix="jointnn-") as folder:
        os.environ[STORE] = f"{folder}/ranks:{os.getpid()}"
        config = LaunchConfig(
            min_nodes=1,
            max_nodes=1,
            nproc_per_node=processes,
            run_id="jointnn",
            rdzv_backend="c10d",
            rdzv_endpoint=f"{folder}/rendezvous",
            rdzv_configs={"store_type": "file"},
            local_addr="127.0.0.1",
            max_restarts=0,
            logs_specs=DefaultLogsSpecs(folder),
            shutdown_timeout=5,
        )
        try:
            logging.disable(logging.CRITICAL)  # one sentence says it all
            elastic_launch(config, sys.executable)(*words)
        except ChildFailedError as error:
            raise UserError(_sentence_of(error.failures, processes)) from None
        except SignalException as error:
            if error.sigval == signal.SIGINT:
                raise KeyboardInterrupt from None
            raise UserError(f"Ended by {error.sigval.name}. {AGAIN}") from None
        finally:
            logging.disable(logging.NOTSET)


def _sentence_of(failures: Mapping[int, Any], processes: int) -> str:
    """Return the reason why a run has failed, by the rank that failed first: others end after it."""
    for failure in failures.values():
        if isinstance(failure.message, Mapping):  # it has left its own sentence
            return str(failure.message["message"]).removeprefix("UserError: ")
    own = {rank: of for rank, of in failures.items() if of.exitcode != -signal.SIGTERM} or failures
    rank, failure = min(own.items(), key=lambda of: (of[1].exitcode, of[0]))  # signals are negative
    which = f"Process {rank} of {processes} (from 0), which trains this job,"
    if failure.exitcode >= 0:
        return f"{which} failed with code {failure.exitcode}; lines above say why. {AGAIN}"
    short = " The system does that where memory is short." if failure.exitcode == -signal.SIGKILL else ""
    return f"{which} was ended by {failure.signal_name()}.{short} {AGAIN}"


@contextmanager
def joined(processes: int, device: str) -> Iterator[bool]:
    """Make this process a rank of a group within the block, if there are several; else leave it alone.

    What another rank than the first prints goes nowhere.

    Args:
        processes: how many there are to be.
        device: of the settings; on GPUs, each rank takes its own.

    Yields:
        Whether it is the first one, which writes files.

    Raises:
        UserError: there are more or fewer processes, or fewer GPUs.
    """
    if not is_rank():
        yield True
        return
    import torch
    import torch.distributed as dist

    rank, size, local = _place()
    if size != processes:
        raise UserError(
            f"There are {size} processes, but the settings of this job say processes: {processes}. Start "
            f"{processes}, or set processes: {size}."
        )
    _end_with_parent()
    backend = "gloo"
    if device != "cpu" and torch.cuda.is_available():
        _take_gpu(local)
        backend = "cpu:gloo,cuda:nccl"
    dist.init_process_group(backend, _method(), STANDS_STILL, size, rank)
    if rank:
        sys.stdout = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115
    yield rank == 0
    dist.destroy_process_group()


def _place() -> tuple[int, int, int]:
    """Return the rank of this process, the number of processes, and its place on this machine."""
    torchrun, srun = (
        ("RANK", "WORLD_SIZE", "LOCAL_RANK"),
        ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID"),
    )
    names = torchrun if "TORCHELASTIC_RUN_ID" in os.environ else srun
    rank, size, local = (int(os.environ[name]) for name in names)
    return rank, size, local


def _method() -> str:
    """Return the address where processes find each other: a file, or machine and port of the first."""
    if STORE in os.environ:
        return f"file://{os.environ[STORE].rpartition(':')[0]}"
    if "TORCHELASTIC_RUN_ID" in os.environ or {"MASTER_ADDR", "MASTER_PORT"} <= os.environ.keys():
        return "env://"
    # node[07-09,12] begins with node07. One port for each job, of those that no service has.
    first = re.match(r"([^\[,]+)(?:\[(\d+))?", os.environ["SLURM_STEP_NODELIST"])
    assert first is not None
    port = 15000 + int(os.environ["SLURM_JOB_ID"]) % 15000
    return f"tcp://{''.join(filter(None, first.groups()))}:{port}"


def _take_gpu(local: int) -> None:
    """Compute on the GPU of this process: SLURM may show it one alone."""
    import torch

    count = torch.cuda.device_count()
    if STORE in os.environ and count <= local:
        raise UserError(
            f"There are {count} GPUs here, fewer than processes. Set processes: {count}, or device: cpu."
        )
    torch.cuda.set_device(local % count)


def _end_with_parent() -> None:
    """Have the system end this process with the one that waits for it: alone it would go on in vain."""
    if STORE not in os.environ:
        return
    from torch.multiprocessing import _prctl_pr_set_pdeathsig  # type: ignore[attr-defined]

    _prctl_pr_set_pdeathsig(signal.SIGKILL)
    if os.getppid() != int(os.environ[STORE].rpartition(":")[2]):
        os.kill(os.getpid(), signal.SIGKILL)


def left_to_launcher(error: UserError) -> bool:
    """Leave the sentence of a rank to the process that waits for it, which prints one for all.

    That another one has failed is left to that one to say.

    Returns:
        Whether there is such a process.
    """
    if STORE not in os.environ or not is_rank():
        return False
    if not isinstance(error, LostRankError):
        from torch.distributed.elastic.multiprocessing.errors import get_error_handler

        get_error_handler().record_exception(UserError(str(error)))
    return True
