"""Architectures and frozen trunks, one file per family; a new one is one decorated function or class."""

from typing import Any, Self, overload

from jointnn.registry import Entry, Registry


class Pretrained(Registry):
    """Entries that can say that they have weights learned on ImageNet.

    `@trunk(imagenet=True)` has them; `@architecture(imagenet="weights")` too, unless its option `weights`
    is none or false. parameters/contamination.py reads it from the source: tables name the datasets whose
    images are ImageNet's.
    """

    @overload
    def __call__(self, entry: Entry) -> Entry: ...

    @overload
    def __call__(self, *, imagenet: bool | str) -> Self: ...

    def __call__(self, entry: Any = None, *, imagenet: bool | str = False) -> Any:  # noqa: ARG002
        """Add an entry, or return the decorator that adds one."""
        return self if entry is None else super().__call__(entry)


architecture = Pretrained("architecture", __name__)
trunk = Pretrained("trunk", __name__)
