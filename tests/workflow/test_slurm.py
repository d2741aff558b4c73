"""SLURM: a job over two nodes of this machine, and one whose node fails, where there are its programs."""

import os
import re
import subprocess
import sys

import pytest
from helpers.params import PROJECT

sys.path.insert(0, str(PROJECT / "benchmarks"))

from cluster import two_nodes


@pytest.mark.slow
@pytest.mark.skipif(
    "JOINTNN_CLUSTER" not in os.environ, reason="takes minutes; JOINTNN_CLUSTER=1 asks for it"
)
@pytest.mark.skipif(bool(two_nodes.missing()), reason=two_nodes.missing())
def test_a_job_lies_on_two_nodes_short_jobs_are_grouped_and_a_job_of_a_failed_node_goes_on():
    command = [sys.executable, "benchmarks/cluster/two_nodes.py"]
    done = subprocess.run(command, cwd=PROJECT, check=False, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    over_both, *_ = re.findall(r"^\| 2 +\| (\S+) +\| +(\w+) \|$", done.stdout, flags=re.MULTILINE)
    assert over_both == ("one,two", "yes")
    last = done.stdout.rstrip().splitlines()[-1]
    jobs, submissions, of_gpus, step, _ = map(int, re.findall(r"\d+", last))
    assert jobs > 1.5 * submissions
    assert of_gpus == 0
    assert step > 0 and step % 20 == 0
