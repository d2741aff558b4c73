"""Small tensors in float64: given by hand, and drawn."""

import torch


def real(*values) -> torch.Tensor:
    return torch.tensor(values, dtype=torch.float64)


def random_layers(seed: int, networks: int = 5, sizes=(2, 3, 7, 1)) -> list[torch.Tensor]:
    random = torch.Generator().manual_seed(seed)
    return [torch.randn(networks, size, dtype=torch.float64, generator=random) for size in sizes]


def random_weights(seed: int, blocks: int, networks: int = 5) -> torch.Tensor:
    random = torch.Generator().manual_seed(seed)
    weights = torch.rand(blocks, networks, networks, dtype=torch.float64, generator=random)
    weights = (weights + weights.mT) / 2
    return weights.diagonal_scatter(torch.ones(blocks, networks, dtype=torch.float64), 0, 1, 2)
