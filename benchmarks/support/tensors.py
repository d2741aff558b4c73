"""Bytes of the tensors that are alive: counted, so that they are known for devices that are not here."""

import weakref
from collections.abc import Callable, Iterable
from typing import Any

from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_iter


class Counted(TorchDispatchMode):
    """Counts the memory of every tensor that is made within it, until nothing holds it any more.

    Tensors on the device `meta` have sizes and no content: a step of large networks on large batches takes
    a second and no memory there, and its tensors are those of a real step.

    Args:
        held: tensors that are there before, such as parameters.
        elsewhere: tensors that do not count, since they lie in files.

    Attributes:
        now: bytes alive.
        peak: the most that were alive at once.
    """

    def __init__(self, held: Iterable[Tensor] = (), elsewhere: Iterable[Tensor] = ()) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.now = self.peak = 0
        self.known: weakref.WeakSet[Any] = weakref.WeakSet(x.untyped_storage() for x in elsewhere)
        for tensor in held:
            self._add(tensor)

    def __torch_dispatch__(
        self, function: Callable[..., Any], types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        """Take an operation, and count what it made."""
        made = function(*args, **(kwargs or {}))
        for value in tree_iter(made):
            if isinstance(value, Tensor):
                self._add(value)
        return made

    def _add(self, tensor: Tensor) -> None:
        storage = tensor.untyped_storage()
        if storage in self.known:
            return
        self.known.add(storage)
        size = storage.nbytes()
        self.now += size
        self.peak = max(self.peak, self.now)
        weakref.finalize(storage, self._drop, size)

    def _drop(self, size: int) -> None:
        self.now -= size
