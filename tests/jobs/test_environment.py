"""A job keeps the memory that it frees, so that the system need not hand it out anew in every step."""

import os
import platform
import resource
import subprocess
import sys

import pytest

from jointnn.jobs.environment import KEEP_FREED

ALLOCATE = """
import resource, torch
for _ in range(20):
    [torch.zeros(16 << 20, dtype=torch.uint8) for _ in range(4)]
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt)
"""
"""Four activations of 16 MB that come and go twenty times."""
AT_FIRST = dict.fromkeys(KEEP_FREED, str(1 << 17))
"""The limits with which glibc begins. Left alone it moves these limits, and not in every run alike."""


def pages_handed_out(environment):
    known = {name: value for name, value in os.environ.items() if name not in KEEP_FREED}
    done = subprocess.run(
        [sys.executable, "-c", ALLOCATE],
        env=known | environment,
        check=True,
        capture_output=True,
        text=True,
    )
    return int(done.stdout)


@pytest.mark.slow
@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other C libraries do not read the variables")
def test_memory_is_handed_out_once():
    pages = (16 << 20) // resource.getpagesize()
    assert pages_handed_out(AT_FIRST) - pages_handed_out(KEEP_FREED) > 40 * pages
