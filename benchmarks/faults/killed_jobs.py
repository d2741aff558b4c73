"""Jobs that train, killed by SIGKILL and typed again: does one byte of what they leave differ?

Half of the kills come after a random time, half on a random call on a file: between steps of writing. Of a
job in two processes, which are started and not forked, one of the two or the call that waits for them is
killed after a random time. Some jobs are killed several times. Calls are forked from a process that has
imported torch and lives on.
"""

import argparse
import os
import random
import shutil
import sys
import tempfile
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from support import print_table  # noqa: E402
from support.forked import forked, import_all  # noqa: E402
from support.golden_jobs import golden, in_two_processes, run_once, training_jobs, written  # noqa: E402

from jointnn.io import paths  # noqa: E402
from jointnn.jobs.freshness import write_settings  # noqa: E402
from jointnn.jobs.specs import TrainJob  # noqa: E402

TWO = "two processes"
TRAINING = 0.05
"""Seconds after a record, in which a job in two processes may be killed: most end in them."""
KILLS, ON, OTHER, HALF = "kills", "went on from a record", "bytes that differ", "half written"


class Killed:
    """A job that was run undisturbed, and is killed again and again.

    Args:
        seconds, calls: its time and its calls on files.
        right: the files that it leaves, by path.
    """

    def __init__(self, job: TrainJob, seconds: float, calls: int, right: dict[str, bytes]) -> None:
        self.job, self.seconds, self.calls, self.right = job, seconds, calls, right

    def killed(self, draw: random.Random) -> Counter[str]:
        """Kill it once or several times, and call it until it ends; return what came of it."""
        job, found = self.job, Counter[str]()
        for path in self.right:
            Path(path).unlink()
        shutil.rmtree(job.resume, ignore_errors=True)
        command = [job.stage, write_settings(job)]
        while True:
            if found[KILLS] and draw.random() < 0.6:
                ended = forked(command)
            elif job.processes > 1:
                # They start for seconds and train for less: half of the kills are while they train.
                once = draw.choice([None, Path(paths.state(job.resume))])
                seconds = draw.uniform(0, TRAINING if once else self.seconds)
                ended = forked(command, kill_after=seconds, once=once, rank=draw.choice([0, 1, None]))
            elif draw.random() < 0.5:
                ended = forked(command, kill_after=draw.uniform(0, self.seconds))
            else:
                ended = forked(command, kill_at=draw.randrange(self.calls))
            found[ON] += "Goes on from step " in ended.said
            left = written(job)
            found[HALF] += any(self.right[path] != content for path, content in left.items())
            if ended.code == -9 or "was ended by SIGKILL" in ended.said:
                found[KILLS] += 1
            elif ended.code:
                raise AssertionError(f"{job.record} failed after {found[KILLS]} kills:\n{ended.said}")
            elif found[KILLS]:
                break
            else:  # it was faster than the kill
                for path in self.right:
                    Path(path).unlink()
        found[OTHER] += sum(left.get(path) != content for path, content in self.right.items())
        return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200, help="%(default)s")
    parser.add_argument("--seed", type=int, default=0, help="of times and calls (%(default)s)")
    asked = parser.parse_args()
    import_all()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        jobs = golden()
        kinds = training_jobs(jobs, most=1 + asked.kills // 50)
        costs = {
            job.record: run_once(job)
            for job in jobs.in_order(*(job for chosen in kinds.values() for job in chosen))
        }
        victims = {
            kind: [Killed(job, *costs[job.record], written(job)) for job in some]
            for kind, some in kinds.items()
        }
        one = victims["an IRLS round"][-1]
        two = in_two_processes(one.job)
        victims[TWO] = [Killed(two, *run_once(two), one.right)]
        draw, found = random.Random(asked.seed), {kind: Counter[str]() for kind in victims}
        while sum(of[KILLS] for of in found.values()) < asked.kills:
            kind = min(found, key=lambda name: found[name][KILLS])
            found[kind] += draw.choice(victims[kind]).killed(draw)
        os.chdir(ROOT)
    columns = [KILLS, ON, HALF, OTHER]
    total = {column: sum(of[column] for of in found.values()) for column in columns}
    rows = [
        [kind, *(str(of[column]) for column in columns)] for kind, of in [*found.items(), ("all", total)]
    ]
    print_table("Jobs killed by SIGKILL and typed again", ["job", *columns], rows)
    if total[HALF] or total[OTHER]:
        sys.exit("A job that was killed left other bytes.")


if __name__ == "__main__":
    main()
