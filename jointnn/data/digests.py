"""Content digests of the files that datasets are read from, cached, so that asking is cheap."""

import time
from collections.abc import Iterable
from functools import cache
from importlib.metadata import version
from pathlib import Path

from jointnn.data.schema import DatasetParams
from jointnn.data.source import Source, source_of
from jointnn.errors import UserError
from jointnn.io import files, paths

CACHE = Path("work/digests.json")
ABSENT = "absent"
# Within one tick of the clock a file can change twice and keep its time: too young to be
# remembered.
SETTLED_AFTER = 2_000_000_000  # nanoseconds


def source_digest(params: DatasetParams) -> str:
    """Return what the images of a dataset are read from, as 16 hexadecimal digits.

    It changes exactly when the content or name of a file, the origin or a package's version
    changes. Returns "absent" where a file is missing: then nothing can be said, and `fetch` will
    say what is missing if it has to run.
    """
    source = source_of(params)
    contents: dict[str, str] = source.checksums
    if not contents:
        if not source.files or not all(file.is_file() for file in source.files):
            return ABSENT
        contents = digests_of_files(source)
    packages = (*source.packages, "pillow", "pyarrow")
    return files.digest([source.origin, contents, {name: _version(name) for name in packages}])


_version = cache(version)
"""Asked for by every dataset, and slow to find."""


def kept_digest(dataset: str, params: DatasetParams) -> str:
    """Return as `source_digest`; where the files are not at hand, the digest that the fetched images came
    with.

    So images that DVC brought stay fresh on a machine without their source.
    """
    found, record = source_digest(params), Path(paths.raw(dataset), "settings.json")
    if found != ABSENT or not record.exists():
        return found
    before = files.read_json(record)
    same = before.get("source") == params.of_fetch()
    return str(before["source_digest"]) if same else found


def digests_of_files(source: Source) -> dict[str, str]:
    """Return SHA-256 of each of a source's files by its name."""
    digests = sha256_of_files(source.files)
    return {source.name_of(file): digests[file] for file in source.files}


def sha256_of_files(paths: Iterable[Path]) -> dict[Path, str]:
    """Return SHA-256 of files; those whose size and time of change are known are not read again."""
    known = _read_cache()
    digests, learned = {}, {}
    now = time.time_ns()
    for path in paths:
        status = path.stat()
        key = str(path.absolute())
        stamp = f"{status.st_size} {status.st_mtime_ns}"
        entry = known.get(key, [])
        if entry[:1] == [stamp]:
            digests[path] = entry[1]
            continue
        digests[path] = files.sha256_of_file(path)
        if now - status.st_mtime_ns > SETTLED_AFTER:
            learned[key] = [stamp, digests[path]]
    if learned:
        # Read again: another job may have learned something in the meantime. A lost entry costs
        # time only.
        files.write_json(CACHE, _read_cache() | learned)
    return digests


def _read_cache() -> dict[str, list[str]]:
    """Return the cache; a missing or damaged one is an empty one."""
    try:
        cache = files.read_json(CACHE)
    except UserError:
        return {}
    return cache if isinstance(cache, dict) else {}
