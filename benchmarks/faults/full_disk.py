"""Jobs and the import into MLflow on a disk that is full after so many bytes: what is left, what is said.

The disk is a tmpfs of growing size, in a namespace of its own: it needs `unshare` and no rights. Each time
the same is called again once there is room, and must end with the same bytes.
"""

import argparse
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from support import print_table  # noqa: E402
from support.forked import Ended, forked, import_all  # noqa: E402
from support.golden_jobs import golden, run_once, written  # noqa: E402
from support.mlflow_store import seen  # noqa: E402

from jointnn.jobs.graph import Jobs  # noqa: E402
from jointnn.jobs.specs import Job  # noqa: E402

FULL, ROOM, ELSE = "refused by disk and file", "there was room", "anything else"
PAGE, LARGE = 4096, 1 << 30
STORE = ("mlflow.db", "mlartifacts", "mlflow.db.lock")
SAYS = re.compile(r"^error: .*((No space left on device)|(disk is full))", re.MULTILINE)
FILE = re.compile(r"(data|runs|results|search|params|work|mlartifacts)/[\w./-]+|mlflow\.db")


def chosen(jobs: Jobs) -> dict[str, Job]:
    """Return a job of every kind."""
    return {
        "fetch": jobs.fetch("odd"),
        "inventory": jobs.inventory("plain"),
        "prepare": jobs.prepare("odd", 8),
        "initialise": jobs.initialise("plain", 0),
        "train: an L2 start": jobs.l2("plain", 0, "joint"),
        "sigma": jobs.sigma("plain", 0, "joint"),
        "train: an IRLS round": jobs.irls("plain", 0, "joint", 1),
        "train: a whole method": jobs.final("normed", 0, "shareall"),
        "train: parts that take turns": jobs.l2("dcgan", 0, "joint"),
        "train: tied layers": jobs.final("tied", 0, "jae"),
        "train: networks on disk": jobs.final("on_disk", 0, "l2reg"),
        "train: networks on disk, all at once": jobs.final("on_disk_together", 0, "l2reg"),
        "evaluate": jobs.evaluate("normed", 0),
        "collect": jobs.collect("normed"),
        "figures": jobs.figures("plain"),
        "attempt": jobs.attempt("plain", 1000, "joint", 0),
        "choose": jobs.choose("plain"),
    }


class Disk:
    """A tmpfs with a copy of a project, whose room is limited."""

    def __init__(self, place: Path, project: Path) -> None:
        self.place = place
        _mount(place, f"size={LARGE}")
        shutil.copytree(project, place, symlinks=True, dirs_exist_ok=True)
        os.chdir(place)

    def room(self, pages: int | None) -> None:
        """Leave so many pages free; None: a gigabyte."""
        space = os.statvfs(self.place)
        used = (space.f_blocks - space.f_bfree) * space.f_frsize
        _mount(self.place, f"remount,size={LARGE if pages is None else used + pages * PAGE}")

    def files(self) -> set[str]:
        return {path.as_posix() for path in Path().rglob("*") if path.is_file()}

    def away(self) -> None:
        os.chdir(ROOT)
        subprocess.run(["umount", str(self.place)], check=True)


def _mount(place: Path, options: str) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], check=True)


def cases(
    disk: Disk, call: Callable[[], Ended], left: Callable[[], Any], forget: Callable[[], None], count: int
) -> tuple[Counter[str], list[str]]:
    """Return the outcomes of a call on a disk with ever more room, and sentences on what was wrong.

    Args:
        left: returns its outputs, by name.
        forget: puts the project back to before the call.
        count: of sizes, from no room to enough.
    """
    forget()
    before, found, wrong = disk.files(), Counter[str](), []
    free = os.statvfs(disk.place).f_bfree
    ended = call()
    assert not ended.code, ended.said
    right, needed = left(), free - os.statvfs(disk.place).f_bfree
    needed += max(2, needed)  # what is written beside its place and goes
    for number in range(count):
        forget()
        disk.room(pages := needed * number // count)
        ended = call()
        made, said = left(), ended.said.strip()
        disk.room(None)
        problems = []
        if ended.code == 1:
            outcome = FULL
            if not SAYS.search(said) or not FILE.search(SAYS.search(said).string):  # type: ignore[union-attr]
                problems.append(f"it says {said[-700:]!r}")
            if isinstance(made, dict) and any(made[name] != right.get(name) for name in made):
                problems.append("half written: " + ", ".join(n for n in made if made[n] != right.get(n)))
        else:
            outcome = ROOM
            if ended.code or made != right:
                problems.append(f"code {ended.code}, it says {said[-700:]!r}")
        if hidden := [file for file in disk.files() - before if re.search(r"/\.[^/]+\.[^/]+$", f"/{file}")]:
            problems.append(f"left {hidden[:3]}")
        again = call()
        if again.code or left() != right:
            problems.append(f"called again: code {again.code}, {again.said.strip()[-700:]!r}")
        found[ELSE if problems else outcome] += 1
        wrong += [f"with {pages} pages free: {problem}" for problem in problems]
    return found, wrong


def of_job(disk: Disk, job: Job, count: int) -> tuple[Counter[str], list[str]]:
    """Return the outcomes of a job, and what was wrong."""

    def forget() -> None:
        for path in job.outputs:
            Path(path).unlink(missing_ok=True)
        shutil.rmtree(job.resume, ignore_errors=True)

    return cases(disk, lambda: forked([job.stage, job.settings_file]), lambda: written(job), forget, count)


def of_import(disk: Disk, count: int) -> tuple[Counter[str], list[str]]:
    """Return the outcomes of the import into a new store of MLflow, and what was wrong.

    The store is compared as a person sees it.
    """

    def forget() -> None:
        for path in map(Path, (*STORE, "mlflow.db-journal")):
            shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)

    def left() -> Any:
        try:
            return list(seen(Path("mlflow.db")).items())  # a list: what an import left off at may be less
        except Exception:  # it has no tables yet
            return []

    return cases(disk, lambda: forked(["track", "normed"]), left, forget, count)


def measured(count: int, only: list[str]) -> dict[str, tuple[Counter[str], list[str]]]:
    """Return the outcomes of each kind, over so many sizes of the disk together."""
    import_all("mlflow", "sqlalchemy", "matplotlib.pyplot", "jointnn.stages.tools.track")
    with tempfile.TemporaryDirectory() as folder:
        project, place = Path(folder, "project"), Path(folder, "disk")
        project.mkdir()
        place.mkdir()
        os.chdir(project)
        jobs = golden()
        victims: dict[str, Job | None] = {**chosen(jobs), "track: the import into MLflow": None}
        victims = {name: job for name, job in victims.items() if not only or name in only}
        needed = [*jobs.in_order(*filter(None, victims.values()))]
        if None in victims.values():
            needed += jobs.of_experiment("normed")
        for job in {job.record: job for job in needed}.values():
            run_once(job)
        each, found = max(1, count // len(victims)), {}
        for name, victim in victims.items():
            disk = Disk(place, project)
            found[name] = of_job(disk, victim, each) if victim else of_import(disk, each)
            for line in found[name][1]:
                print(f"{name}, {line}", file=sys.stderr, flush=True)
            disk.away()
    return found


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", type=int, default=510, help="of the disk, all kinds (%(default)s)")
    parser.add_argument("--only", action="append", default=[], help="a kind of job, as the table names it")
    asked = parser.parse_args()
    if not os.environ.get("JOINTNN_OWN_MOUNTS"):
        rights = ["--map-root-user"] if os.geteuid() else []
        command = ["unshare", *rights, "--mount", sys.executable, *sys.argv]
        os.execvpe("unshare", command, {**os.environ, "JOINTNN_OWN_MOUNTS": "1"})
    found = measured(asked.sizes, asked.only)
    columns = [FULL, ROOM, ELSE]
    total = {column: sum(of[column] for of, _ in found.values()) for column in columns}
    rows = [[kind, *(str(of[column]) for column in columns)] for kind, (of, _) in found.items()]
    rows.append(["all", *map(str, total.values())])
    print_table("A disk that is full", ["job", *columns], rows)
    if total[ELSE]:
        sys.exit(f"{total[ELSE]} ended otherwise.")


if __name__ == "__main__":
    main()
