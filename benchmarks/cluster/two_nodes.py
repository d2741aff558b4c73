"""Two nodes of SLURM on this machine: a job that lies on both, groups of jobs, and a node that fails.

As root it starts munged, slurmctld and two slurmd in a temporary folder. Through profiles/slurm it trains
tiny experiments there: one in two processes, each on a node of its own, whose networks are compared with
those of a run without SLURM; and one whose node it kills while it trains. All of it sees processes and an
/etc/slurm of its own (unshare): a SLURM that the machine has is left alone, and nothing is left behind. It
takes minutes.
"""

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import psutil
from support import ROOT, print_table

sys.path.insert(0, str(ROOT / "tests"))

from helpers.engine import PARAMS, Project

CONFIGURATION = Path("/etc/slurm")
"""Snakemake's plugin has SLURM's programs look there and nowhere else."""
APART = ["unshare", "--mount", "--pid", "--fork", "--mount-proc", "--kill-child"]
INSIDE = "TWO_NODES_INSIDE"
"""The variable of the environment that the process has which sees nothing else of the machine."""
PROGRAMS = ("unshare", "munged", "slurmctld", "slurmd", "sbatch", "squeue", "scontrol", "sinfo")
NODES = ("one", "two")
LINES = """ClusterName=two
SlurmctldHost={host}(127.0.0.1)
AuthType=auth/munge
AuthInfo=socket={folder}/munge.sock
CredType=cred/munge
SlurmUser=root
SlurmdUser=root
SlurmctldPort=26817
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool.%n
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.%n.pid
SlurmctldLogFile={folder}/slurmctld.log
SlurmdLogFile={folder}/slurmd.%n.log
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
AccountingStorageType=accounting_storage/none
MpiDefault=none
ReturnToService=2
SlurmdTimeout=10
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
MinJobAge=900
NodeName=one NodeHostname={host} NodeAddr=127.0.0.1 Port=26818 CPUs=2 RealMemory=20000 State=UNKNOWN
NodeName=two NodeHostname={host} NodeAddr=127.0.0.1 Port=26819 CPUs=2 RealMemory=20000 State=UNKNOWN
PartitionName=main Nodes=one,two Default=YES MaxTime=INFINITE State=UP
"""
WITHOUT_ACCOUNTING = ["--slurm-status-command", "squeue", "--slurm-init-seconds-before-status-checks", "1"]
STEPS = {"steps": 1000, "record_every": 20, "device": "cpu"}
MIXED = {"steps": 100, "record_every": 20, "device": "cpu"}
STATE = "runs/tiny/s0/l2reg/state.safetensors"


def missing() -> str:
    """Return the reason why there can be no such cluster here, in a sentence; "" where there can."""
    if lacking := [name for name in PROGRAMS if shutil.which(name) is None]:
        return (
            f"{', '.join(lacking)} not found: apt-get install -y --no-install-recommends slurm-wlm munge."
        )
    if os.geteuid():
        return "SLURM's programs start as root alone; you are not."
    tried = subprocess.run([*APART, "true"], check=False, capture_output=True, text=True)
    return f"Namespaces are not to be had here: {tried.stderr.strip()}." if tried.returncode else ""


def told(*command: str) -> str:
    """Return the output of a command, which must succeed."""
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def end(number: int) -> None:
    """Kill a process and all that it started."""
    with suppress(psutil.NoSuchProcess):
        family = [psutil.Process(number), *psutil.Process(number).children(recursive=True)]
        for process in family:
            with suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(family, timeout=10)


@contextmanager
def cluster(folder: Path) -> Iterator[dict[str, int]]:
    """Run two nodes; yield the process number of each slurmd."""
    host = told("hostname", "-s").strip()
    key = folder / "munge.key"
    key.write_bytes(os.urandom(128))
    key.chmod(0o600)
    (folder / "state").mkdir()
    (folder / "etc").mkdir()
    (folder / "etc/slurm.conf").write_text(LINES.format(host=host, folder=folder), encoding="utf-8")
    told("mount", "--bind", str(folder / "etc"), str(CONFIGURATION))
    munge = [f"--{name}={folder}/munge.{name.split('-')[0]}" for name in ("key-file", "pid-file")]
    munge += [f"--socket={folder}/munge.sock", f"--log-file={folder}/munge.log"]
    munge += [f"--seed-file={folder}/munge.seed", "--foreground", "--force"]
    commands = {"munged": ["munged", *munge], "slurmctld": ["slurmctld", "-D"]}
    commands |= {node: ["slurmd", "-D", "-N", node] for node in NODES}
    started: dict[str, int] = {}
    try:
        for name, command in commands.items():
            with Path(folder, f"{name}.out").open("wb") as out:
                process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=out, stderr=out)
            started[name] = process.pid
            time.sleep(1)
        deadline = time.monotonic() + 60
        while told("sinfo", "-h", "-N", "-o", "%T").split() != ["idle"] * len(NODES):
            if time.monotonic() > deadline:
                sys.exit(f"The nodes did not come up: {told('sinfo', '-N')}")
            time.sleep(1)
        yield {node: started[node] for node in NODES}
    finally:
        for number in reversed(started.values()):
            end(number)
        for stray in stepds():
            end(stray)
        told("umount", str(CONFIGURATION))


def stepds(node: str = "") -> list[int]:
    """Return the ids of the processes that SLURM has started for jobs, of one node or of both."""
    found = []
    for process in psutil.process_iter(["name", "cmdline"]):
        if process.info["name"] == "slurmstepd":
            line = " ".join(process.info["cmdline"] or [])
            job = re.search(r"\[(\d+)\.", line)
            if not node or (job and node_of(job.group(1)) == node):
                found.append(process.pid)
    return found


def node_of(job: str) -> str:
    """Return the node where a job of SLURM runs."""
    return told("squeue", "-h", "-j", job, "-o", "%N").strip()


def project_in(folder: Path) -> Project:
    """Return a copy of this project with an experiment `tiny` that computes on the CPU."""
    project = Project.new(folder, PARAMS)
    project.settle(seeds=[0, 1], methods=["isolated", "joint"], settings=STEPS)
    return project


def submissions(project: Project, more: Sequence[str] = (), *, kill: dict[str, int] | None = None) -> str:
    """Train `tiny` on the cluster and return what Snakemake printed.

    Args:
        kill: process numbers of the nodes: the one that trains `isolated` of seed 0 fails on the way.
    """
    process = project.start("snakemake", "--profile", "profiles/slurm", *WITHOUT_ACCOUNTING, *more, "tiny")
    if kill is not None:
        history = project.path("work/resume/runs/tiny/s0/isolated/history.csv")
        while not history.exists():
            if process.poll() is not None:
                sys.exit(f"Snakemake ended early:\n{process.communicate()[0]}")
            time.sleep(0.1)
        running = told("squeue", "-h", "-t", "R", "-o", "%i %N %k").splitlines()
        (node,) = {line.split()[1] for line in running if "train" in line and "isolated" in line} or {""}
        print(f"{running} -> {node} fails", flush=True)
        numbers = stepds(node)
        end(kill[node])
        for number in numbers:
            end(number)
    try:
        return str(process.communicate(timeout=900)[0])
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


def over_both_nodes(folder: Path) -> tuple[str, bool]:
    """Train one network on each node, mixed in every step, and the same without SLURM.

    Returns:
        The nodes of that job, and whether the two runs have learned the same networks, to the byte.
    """
    os.environ["SBATCH_SPREAD_JOB"] = "1"  # else both would fit on one node
    states = []
    for place, processes, more in (("apart", 2, ["--profile", "profiles/slurm"]), ("alone", 1, [])):
        project = Project.new(folder / place, PARAMS)
        project.settle(seeds=[0], methods=["l2reg"], settings={**MIXED, "processes": processes})
        words = ["snakemake", *more, *(WITHOUT_ACCOUNTING if more else ["--cores", "1"]), "tiny"]
        process = project.start(*words)
        said = str(process.communicate(timeout=600)[0])
        if process.returncode:
            logs = sorted((folder / place).glob(".snakemake/slurm_logs/*/**/*.log"))
            print(*(f"{log}:\n{log.read_text()}" for log in logs[-3:]))
            sys.exit(f"The run in {processes} processes did not end:\n{said}")
        states.append(project.path(STATE).read_bytes())
    del os.environ["SBATCH_SPREAD_JOB"]
    jobs = told("scontrol", "show", "jobs", "-o").splitlines()
    (nodes,) = (re.search(r" NodeList=(\S+)", job) for job in jobs if " NumTasks=2 " in job)
    return (nodes.group(1) if nodes else ""), states[0] == states[1]


def counted(said: str) -> tuple[int, int]:
    """Return the numbers of jobs that ended and of submissions, by Snakemake's output."""
    done = re.findall(r"^\d\d:\d\d:\d\d +\d+/\d+ ", said, flags=re.MULTILINE)
    return len(done), len(set(re.findall(r"SLURM jobid (\d+)", said)))


def asked_gpus(folder: Path) -> int:
    """Return how many of SLURM's jobs asked for a GPU; these nodes have none and would refuse them."""
    return (folder / "slurmctld.log").read_text(encoding="utf-8").count("gres/gpu")


def main() -> None:
    """Print the table."""
    argparse.ArgumentParser(description=__doc__).parse_args()
    if sentence := missing():
        sys.exit(sentence)
    if INSIDE not in os.environ:
        os.environ[INSIDE] = "1"
        os.execvp(APART[0], [*APART, sys.executable, *sys.argv])
    with TemporaryDirectory() as place, cluster(Path(place)) as nodes:
        where, equal = over_both_nodes(Path(place))
        columns = ["processes", "nodes", "the networks of one process, to the byte"]
        print_table("l2reg of tiny over two nodes", columns, [["2", where, "yes" if equal else "no"]])
        project, begin = project_in(Path(place, "project")), time.perf_counter()
        said = submissions(project, kill=nodes)
        seconds, (done, submitted) = time.perf_counter() - begin, counted(said)
        log = project.path("logs/tiny/s0/isolated.log").read_text(encoding="utf-8")
        step = re.search(r"Goes on from step (\d+)", log)
        if "Done: " not in said or step is None:
            sys.exit(f"{said}\n{log}\nThe run did not end, or the job did not go on.")
        columns = ["jobs", "submissions", "that asked for a GPU", "went on from step", "wall time (s)"]
        row = [str(done), str(submitted), str(asked_gpus(Path(place))), step.group(1), f"{seconds:.0f}"]
        print_table("tiny on two nodes of SLURM, one of which fails", columns, [row])


if __name__ == "__main__":
    main()
