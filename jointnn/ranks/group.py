"""The group of processes that train one run: which networks each has, and what they exchange.

A process is a *rank*, as torch.distributed calls it. It holds the networks of its share, one after another
in the order of all, and the first rank alone writes files. Sums over networks are taken where all of them
are at hand, in the order of one process: so the numbers are those of one process.
"""

import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate, pairwise
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor

from jointnn.errors import LostRankError

Value = TypeVar("Value")
BYTES_AT_ONCE = 1 << 25
"""The most bytes that a rank has of whole pieces at a time, unless one piece has more."""


@dataclass(frozen=True)
class Group:
    """The ranks of a run, one of them this process.

    Attributes:
        names: of all networks, in order.
        rank: of this process, from 0.
        size: how many ranks there are.
    """

    names: Sequence[str]
    rank: int = 0
    size: int = 1

    @classmethod
    def of(cls, names: Sequence[str]) -> "Group":
        """Return the group that this process has joined, or a group of this process alone."""
        if not dist.is_initialized():
            return cls(names)
        return cls(names, dist.get_rank(), dist.get_world_size())

    @property
    def is_first(self) -> bool:
        """Return whether this rank is the one that writes files."""
        return self.rank == 0

    @cached_property
    def shares(self) -> list[range]:
        """Return the places of each rank's networks among all. The first ranks may have one more."""
        whole, more = divmod(len(self.names), self.size)
        counts = [whole + (rank < more) for rank in range(self.size)]
        return [range(*ends) for ends in pairwise(accumulate(counts, initial=0))]

    @property
    def share(self) -> range:
        """Return the places of this rank's networks among all."""
        return self.shares[self.rank]

    @property
    def own(self) -> list[str]:
        """Return the names of this rank's networks."""
        return [self.names[place] for place in self.share]

    def joined(self, own: Sequence[Value]) -> list[Value]:
        """Return a small value of each network, which must pickle, from the values `own` of each rank."""
        if self.size == 1:
            return list(own)
        found: list[list[Value]] = [[] for _ in self.shares]
        with _answered():
            dist.all_gather_object(found, list(own))
        return [value for of_rank in found for value in of_rank]

    def whole_pieces(self, pieces: Sequence[Tensor], *, back: bool = False) -> Iterator[tuple[int, Tensor]]:
        """Yield pieces of layers with the rows of all networks, each piece on one rank alone.

        Args:
            pieces: rows of this rank's networks, (n_r, C) each; of all ranks, in the same order.
            back: whether what is made of a piece in place then goes back to the rows that it is from.

        Yields:
            The place of a piece among `pieces`, and the piece, (n, C).
        """
        for bucket, owners in self._buckets(pieces):
            mine = [place for place, owner in zip(bucket, owners, strict=True) if owner == self.rank]
            by_owner = [
                [pieces[place] for place, owner in zip(bucket, owners, strict=True) if owner == rank]
                for rank in range(self.size)
            ]
            whole = self._to_owners(by_owner, pieces[bucket[0]])
            yield from zip(mine, whole, strict=True)
            if back:
                self._to_rows(whole, by_owner, pieces[bucket[0]])

    def _buckets(self, pieces: Sequence[Tensor]) -> Iterator[tuple[list[int], list[int]]]:
        """Yield places of pieces that are exchanged at once, each with the rank that gets it: the one that
        has fewest columns so far."""
        bucket: list[int] = []
        owners: list[int] = []
        loads, filled = [0] * self.size, [0] * self.size
        for place, piece in enumerate(pieces):
            owner = min(range(self.size), key=loads.__getitem__)
            size = piece.shape[1] * len(self.names) * piece.element_size()
            is_full = filled[owner] + size > BYTES_AT_ONCE and filled[owner]
            if bucket and (is_full or piece.dtype != pieces[bucket[0]].dtype):
                yield bucket, owners
                bucket, owners, filled = [], [], [0] * self.size
            bucket.append(place)
            owners.append(owner)
            loads[owner] += piece.shape[1]
            filled[owner] += size
        if bucket:
            yield bucket, owners

    def _to_owners(self, by_owner: Sequence[Sequence[Tensor]], like: Tensor) -> list[Tensor]:
        """Return this rank's pieces, (n, C) each, from rows of all ranks."""
        widths = [piece.shape[1] for piece in by_owner[self.rank]]
        counts = [len(share) for share in self.shares]
        received = self._exchanged(by_owner, [count * sum(widths) for count in counts], like)
        of_ranks = [
            part.split([count * width for width in widths])
            for part, count in zip(received, counts, strict=True)
        ]
        return [
            torch.cat([rows[k].view(count, width) for rows, count in zip(of_ranks, counts, strict=True)])
            for k, width in enumerate(widths)
        ]

    def _to_rows(self, whole: Sequence[Tensor], by_owner: Sequence[Sequence[Tensor]], like: Tensor) -> None:
        """Put rows of whole pieces into the pieces of the ranks that they belong to."""
        sent = [[piece[share.start : share.stop] for piece in whole] for share in self.shares]
        sizes = [sum(piece.numel() for piece in pieces) for pieces in by_owner]
        received = self._exchanged(sent, sizes, like)
        for part, pieces in zip(received, by_owner, strict=True):
            for values, piece in zip(part.split([p.numel() for p in pieces]), pieces, strict=True):
                piece.copy_(values.view_as(piece))

    def _exchanged(
        self, sent: Sequence[Sequence[Tensor]], sizes: Sequence[int], like: Tensor
    ) -> Sequence[Tensor]:
        """Send tensors to each rank, and return what came from each: so many numbers, flat.

        Args:
            like: of the type of all of them, and on their device.
        """
        flat = [tensor.reshape(-1) for tensors in sent for tensor in tensors]
        outgoing = torch.cat([like.new_empty(0), *flat])
        incoming = like.new_empty(sum(sizes))
        lengths = [sum(tensor.numel() for tensor in tensors) for tensors in sent]
        with _answered():
            dist.all_to_all_single(incoming, outgoing, list(sizes), lengths)
        received: Sequence[Tensor] = incoming.split(list(sizes))
        return received

    def add_(self, values: Tensor) -> None:
        """Set a tensor on the CPU to the sum over ranks; all but one have zeros in each of its places."""
        with _answered():
            dist.all_reduce(values)

    def rows_at(self, place: int, layer: Tensor) -> Tensor | None:
        """Return a layer of all networks, (n, D), on the rank with the network at a place; else None.

        Args:
            layer: that of this rank's networks, (n_r, D).
        """
        if self.size == 1:
            return layer
        owner = next(rank for rank, share in enumerate(self.shares) if place in share)
        with _answered():
            if owner != self.rank:
                dist.send(layer.contiguous(), owner)
                return None
            whole = layer.new_empty(len(self.names), layer.shape[1])
            for rank, share in enumerate(self.shares):
                rows = whole[share.start : share.stop]
                if rank == self.rank:
                    rows.copy_(layer)
                else:
                    dist.recv(rows, rank)
            return whole

    def at_first(self, tensors: dict[str, Tensor]) -> list[dict[str, Tensor]]:
        """Return on the first rank the tensors of every rank, sent one by one; [] on the others.

        Args:
            tensors: of this rank, by name, on the CPU.
        """
        if self.size == 1:
            return [tensors]
        named: list[list[tuple[str, torch.Size, torch.dtype]]] = [[] for _ in self.shares]
        with _answered():
            dist.all_gather_object(named, [(key, v.shape, v.dtype) for key, v in tensors.items()])
            if not self.is_first:
                for value in tensors.values():
                    dist.send(value.contiguous(), 0)
                return []
            found = [tensors]
            for rank in range(1, self.size):
                found.append({key: torch.empty(shape, dtype=dtype) for key, shape, dtype in named[rank]})
                for value in found[rank].values():
                    dist.recv(value, rank)
        return found

    def wait(self) -> None:
        """Wait until every rank has come here."""
        if self.size > 1:
            with _answered():
                dist.barrier()


@contextmanager
def _answered() -> Iterator[None]:
    """Turn what torch.distributed raises when a rank does not answer into a sentence."""
    try:
        yield
    except RuntimeError as error:  # torch has no class of its own for it
        reason = re.sub(r"^\[.*?\] ", "", str(error)).split(". ")[0]
        raise LostRankError(
            f"Another process of this run does not answer: {reason}. Its own message says why; call the "
            "same again, and the job goes on from its last record."
        ) from error
