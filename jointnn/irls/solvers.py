"""How (6) is solved: the proximal step on all networks at once, and block coordinate descent.

Both take a gradient step on the data terms first and then treat the coupling exactly; they never
differentiate the penalty. Pure functions of tensors.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from jointnn.irls.many_networks import Mixing, are_many, components_of

COLUMNS_AT_ONCE = 1 << 14
"""Columns mixed at a time: a piece of all networks stays in the processor's cache."""


def laplacian(couplings: Tensor) -> Tensor:
    """Return Lap(c) = diag(c 1) - c, shape (..., N, N), of symmetric couplings with a zero diagonal."""
    return torch.diag_embed(couplings.sum(dim=-1)) - couplings


class Mixer:
    """(I + 2 tau Lap(c_l))^-1 of every layer, for any tau: the exact solution of the coupling term.

    theta' = argmin sum_l |theta - theta_l|^2 / 2 tau + sum_{i<j} c_ijl |theta_i - theta_j|^2. One
    eigendecomposition serves every step size, so a decaying learning rate costs nothing.

    Args:
        weights: of each layer and pair, shape (L, N, N), symmetric with a zero diagonal: c over lambda.
        strength: lambda of each layer, shape (L,); infinity makes connected networks one.
    """

    def __init__(self, weights: Tensor, strength: Tensor) -> None:
        eigenvalues, self.vectors = torch.linalg.eigh(laplacian(weights.double()))
        largest = eigenvalues.amax(dim=-1, keepdim=True).clamp(min=1.0)
        # Rounding leaves the eigenvalue of a connected component a little off zero, where an infinite
        # strength would pull the component's mean away.
        self.eigenvalues = torch.where(eigenvalues > 1e-12 * largest, eigenvalues, 0.0)
        self.strength = strength.double()[:, None]
        self.couples = [bool(row.any()) and bool(s > 0) for row, s in zip(weights, strength, strict=True)]
        many = are_many(weights.shape[-1])
        self._components = [components_of(row) for row in weights] if many else None
        self._placed: tuple[float, list[Tensor | Mixing | None]] | None = None

    def mix_(self, layers: Sequence[Tensor], step_size: float) -> None:
        """Take the coupling's part of a step on every coupled layer (N, D_l), in place."""
        for layer, mixing in zip(layers, self.placed(layers, step_size), strict=True):
            if mixing is not None:
                mix_(layer, mixing)

    def placed(self, layers: Sequence[Tensor], step_size: float) -> list[Tensor | Mixing | None]:
        """Return each layer's mixing in its type and on its device; None where nothing couples it."""
        if self._placed is None or self._placed[0] != step_size:
            mixings = zip(self.mixings(step_size), layers, strict=True)
            self._placed = step_size, [put(m, x.dtype, x.device) for m, x in mixings]
        return self._placed[1]

    def mixings(self, step_size: float) -> list[Tensor | Mixing | None]:
        """Return each layer's mixing for tau = `step_size`; None where nothing couples it.

        For few networks it is the mixing matrix (N, N), for many that matrix by components.
        """
        found = self.matrices(step_size)
        kinds: Sequence[Tensor | Mixing] = list(found)
        if self._components is not None:
            kinds = [Mixing.of(*of_layer) for of_layer in zip(found, self._components, strict=True)]
        return [kind if couples else None for kind, couples in zip(kinds, self.couples, strict=True)]

    def matrices(self, step_size: float) -> Tensor:
        """Return the mixing matrices for tau = `step_size`, shape (L, N, N). Rows and columns sum to 1."""
        pull = torch.where(self.eigenvalues > 0, 2 * step_size * self.strength * self.eigenvalues, 0.0)
        mixing: Tensor = (self.vectors / (1 + pull)[:, None, :]) @ self.vectors.mT
        return mixing


def put(mixing: Tensor | Mixing | None, dtype: torch.dtype, device: torch.device) -> Tensor | Mixing | None:
    """Return a mixing in the type and on the device of a layer."""
    # First the type: Apple's mps knows no float64.
    return None if mixing is None else mixing.to(dtype).to(device)


def mix_(layer: Tensor, mixing: Tensor | Mixing) -> None:
    """Set theta <- M theta in place: `layer` (N, D), `mixing` of `Mixer`. The mean of the rows is kept."""
    if isinstance(mixing, Mixing):
        mixing.mix_(layer)
        return
    for columns in torch.split(layer, COLUMNS_AT_ONCE, dim=1):
        columns.copy_(mixing @ columns)


def pulled_to_others(own: Tensor, others: Tensor, couplings: Tensor, step_size: float) -> Tensor:
    """Return one network after the block step (9): the exact pull to the coupled mean of the others.

    argmin |theta - own|^2 / 2 tau + sum_j c_j |theta - theta_j|^2.

    Args:
        own: the network after its gradient step, shape (D,).
        others: all networks, shape (N, D); its own row has coupling 0.
        couplings: c_ij of this network, shape (N,), finite.
        step_size: tau.
    """
    pull = 2 * step_size * couplings
    return (own + pull @ others) / (1 + pull.sum())


def coupling_gradient(own: Tensor, others: Tensor, couplings: Tensor) -> Tensor:
    """Return 2 sum_j c_j (theta - theta_j): the gradient of the coupling term, for `pull: gradient`."""
    return 2 * (couplings.sum() * own - couplings @ others)


def check_gradient_pull(couplings: Tensor, learning_rate: float, momentum: float) -> None:
    """Refuse a pull by gradient that diverges: 2 lr sum_j c_ij must stay below 2 (1 + momentum).

    Args:
        couplings: c_ijl, shape (L, N, N).

    Raises:
        ValueError: it does not, and gradient descent with this momentum would diverge.
    """
    stiffness = 2 * learning_rate * float(couplings.sum(dim=-1).max())
    if not stiffness < 2 * (1 + momentum):
        raise ValueError(
            f"pull: gradient diverges here: 2 lr sum(c) is {stiffness:.3g}, and must stay below "
            f"2 (1 + momentum) = {2 * (1 + momentum):.3g}. Set pull: exact, or lower the strength."
        )


def is_infinite(strength: Tensor) -> bool:
    """Return whether any layer is coupled without limit. Only the proximal step can solve that."""
    return any(math.isinf(value) for value in strength.tolist())
