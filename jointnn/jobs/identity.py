"""The identity of a job: a digest of all that decides its numbers, apart from the code that made them.

The header of a network holds the digest of settings alone. So a moved file or a better sentence makes no
network foreign; whether it is run again for that is said by its record, which knows the code, too.
"""

import json
from collections.abc import Mapping
from typing import Any

from jointnn.io.files import digest
from jointnn.jobs.specs import MEMORY_ALONE
from jointnn.methods.settings import MethodSettings

OLD_NAMES: dict[str, str] = {}
"""Keys that were renamed, by their names of today: an identity has the name that a key had first."""
PLACES = {"start", "runs", "halves"}
"""Keys of a job that say where files lie, which decides no number."""


def identity(settings: Mapping[str, Any], before: Mapping[str, str]) -> str:
    """Return the digest of all that decides the numbers of a job.

    Settings that are left at their defaults do not count, so that a new one changes nothing. Nor do those
    that decide memory alone.

    Args:
        settings: of the job, without its code.
        before: identities of the jobs before it, by what they are to it.
    """
    told = {
        key: value for key, value in settings.items() if key not in PLACES and value not in (None, {}, [])
    }
    if "settings" in told:
        told["settings"] = {
            key: value
            for key, value in told["settings"].items()
            if _DEFAULTS.get(key, _ABSENT) != value and key not in MEMORY_ALONE
        }
    return digest([_under_old_names(told), dict(before)])


def _under_old_names(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {OLD_NAMES.get(key, key): _under_old_names(inner) for key, inner in value.items()}
    return value


_ABSENT = object()
_DEFAULTS: dict[str, Any] = json.loads(MethodSettings().model_dump_json(by_alias=False))
