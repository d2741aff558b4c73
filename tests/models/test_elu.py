"""Theorems on the exponential linear unit: it is torch's, whatever is done with it."""

import torch
from torch.autograd import gradcheck, gradgradcheck
from torch.nn import functional

from jointnn.models.elu import ELU

ENDS = torch.tensor([0.0, -0.0, 1e-30, -1e-30, 88.0, -88.0, 1e30, -1e30, float("inf"), float("-inf")])


def values(*shape: int) -> torch.Tensor:
    return 3 * torch.randn(*shape, generator=torch.Generator().manual_seed(0), dtype=torch.float64)


def test_values_are_those_of_torch_to_one_rounding():
    for x in (values(1000), values(1000).float(), ENDS):
        assert torch.allclose(ELU()(x), functional.elu(x), rtol=0, atol=torch.finfo(x.dtype).eps)
    assert ELU()(torch.tensor([float("nan")])).isnan().all()


def test_gradients_are_those_of_torch():
    x = values(1000).requires_grad_()
    (ours,) = torch.autograd.grad(ELU()(x).sum(), x)
    (theirs,) = torch.autograd.grad(functional.elu(x).sum(), x)
    assert torch.allclose(ours, theirs, rtol=0, atol=1e-15)


def test_first_and_second_derivatives_are_right():
    assert gradcheck(ELU(), x := values(20).requires_grad_())
    assert gradgradcheck(ELU(), x)


def test_many_networks_at_once_have_the_gradient_of_each():
    x = values(4, 5)
    at_once = torch.func.vmap(torch.func.grad(lambda row: ELU()(row).square().sum()))(x)
    each = [torch.func.grad(lambda row: functional.elu(row).square().sum())(row) for row in x]
    assert torch.allclose(at_once, torch.stack(each), rtol=0, atol=1e-14)
