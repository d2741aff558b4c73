"""jointnn: one neural network per dataset, learned jointly; the method finds what to share.

The names in `__all__` are public, and nothing else is (docs/library.md). Each is imported when it is first
asked for, so that `import jointnn` costs nothing and the workflow stays free of torch. Type checkers and
editors read `__init__.pyi`.
"""

import importlib
from typing import Any

__version__ = "0.2.0"

_HOMES = {
    "Coupling": "jointnn.training.coupling",
    "DivergedError": "jointnn.errors",
    "Fitted": "jointnn.training.fit",
    "Predictor": "jointnn.training.predictor",
    "UserError": "jointnn.errors",
    "fit": "jointnn.training.fit",
    "load": "jointnn.models.saved",
}
"""The module that each public name comes from."""

__all__ = ["Coupling", "DivergedError", "Fitted", "Predictor", "UserError", "__version__", "fit", "load"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'jointnn' has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(_HOMES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
