"""Content digests of the files that datasets are read from, cached, so that asking is cheap."""

import errno
import os
import stat
import time
from collections.abc import Iterable
from functools import cache, lru_cache
from importlib.metadata import version
from pathlib import Path

from jointnn.data.schema import DatasetParams
from jointnn.data.source import Source, source_of
from jointnn.errors import shown
from jointnn.io import files, paths

CACHE = Path("work/digests")
ABSENT = "absent"
# Within one tick of the clock a file can change twice and keep its time: too young to be
# remembered.
SETTLED_AFTER = 2_000_000_000  # nanoseconds


def source_digest(params: DatasetParams) -> str:
    """Return the digest of the files that a dataset is read from, 16 hexadecimal digits.

    It changes exactly when the content or name of a file, the origin or a package's version
    changes. Returns "absent" where a file is missing: then nothing can be said, and `fetch` will
    say what is missing if it has to run.

    Raises:
        OSError: a file cannot be read.
    """
    return _digest_of(source_of(params))


def _digest_of(source: Source) -> str:
    contents: dict[str, str] = source.checksums
    if not contents:
        try:
            contents = digests_of_files(source)
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return ABSENT
        if not contents:
            return ABSENT
    packages = (*source.packages, "pillow", "pyarrow")
    meaning = [source.label_meaning] if source.label_meaning else []
    return files.digest([source.origin, contents, {name: _version(name) for name in packages}, *meaning])


_version = cache(version)
"""Asked for by every dataset, and slow to find."""


def kept_digests(dataset: str, params: DatasetParams) -> tuple[str, str]:
    """Return `source_digest`, and the digest of the names of what is left out; "" where that is nothing.

    Where the files are not at hand, those that the fetched images came with: so images that DVC brought
    stay fresh on a machine without their source.
    """
    source, record = source_of(params), Path(paths.raw(dataset), "settings.json")
    found = _digest_of(source)
    beside = files.digest([shown(name) for name in source.beside]) if source.beside else ""
    if found != ABSENT or not record.exists():
        return found, beside
    before = files.read_json(record)
    same = before.get("source") == params.of_fetch()
    return (str(before["source_digest"]), str(before.get("left_out", ""))) if same else (found, beside)


def digests_of_files(source: Source) -> dict[str, str]:
    """Return the SHA-256 of each of a source's files, by its name."""
    digests = sha256_of_files(source.files)
    return {source.name_of(file): digests[file] for file in source.files}


def sha256_of_files(paths: Iterable[Path]) -> dict[Path, str]:
    """Return the SHA-256 of the content of each file. An unchanged file is not read again.

    A file is known by its size, the times of its last change and of that of its status, and its number on
    the disk. Programs that keep the first time, as `rsync -t`, cameras and `exiftool -P` do, change the
    second one, which no program can set.

    Raises:
        OSError: a file is missing, a folder, or cannot be read.
    """
    stamps = {path: _stamp(path) for path in paths}  # of all, before the first is read: one may be missing
    known, folder = _read_cache(), Path.cwd()
    digests, learned = {}, {}
    now = time.time_ns()
    for path, (stamp, changed) in stamps.items():
        key = os.path.join(folder, path)  # noqa: PTH118  # fifty thousand times, and Path is slow
        entry = known.get(key, [])
        if len(entry) == 2 and entry[0] == stamp:
            digests[path] = entry[1]
            continue
        digests[path] = files.sha256_of_file(path)
        if now - changed > SETTLED_AFTER:
            learned[key] = [stamp, digests[path]]
    if learned:
        # Read again: another job may have learned something in the meantime. A lost entry costs
        # time only.
        files.keep(CACHE, _read_cache() | learned)
    return digests


def _stamp(path: Path) -> tuple[str, int]:
    """Return a text that changes with a file's content, and the time of its last change [ns]."""
    status = os.stat(path)  # noqa: PTH116  # as above
    if not stat.S_ISREG(status.st_mode):
        raise IsADirectoryError(errno.EISDIR, "Is no file", str(path))
    changed = max(status.st_mtime_ns, status.st_ctime_ns)
    return f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns} {status.st_ino}", changed


def _read_cache() -> dict[str, list[str]]:
    """Return the cached digests; an empty mapping where the cache is missing or damaged."""
    try:
        status = CACHE.stat()
    except OSError:
        return {}
    # Asked for by every dataset, and as long as their images are many.
    return _cache_of(CACHE.absolute(), (status.st_size, status.st_mtime_ns, status.st_ino))


@lru_cache(maxsize=1)
def _cache_of(file: Path, state: tuple[int, ...]) -> dict[str, list[str]]:  # noqa: ARG001
    """Return the content of a cache file. `state` changes when the file does."""
    return files.kept(file) or {}
