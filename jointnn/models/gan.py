"""The two kinds of generative adversarial networks, and their losses: f_i of Section 3 for Task III."""

from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional


class Adversaries(nn.Module, ABC):
    """A generator, from z to images, and a discriminator, which tells them from real ones.

    Args:
        generator: from latent values (B, latent) to images (B, C, H, W) in -1..1.
        discriminator: from images to the values in its loss.
        latent: how many latent values an image has, uniform in -1..1.
    """

    parts = ("generator", "discriminator")

    def __init__(self, generator: nn.Module, discriminator: nn.Module, latent: int) -> None:
        super().__init__()
        self.generator, self.discriminator, self.latent = generator, discriminator, latent

    def forward(self, latent: Tensor) -> Tensor:
        """Return the images of latent values."""
        images: Tensor = self.generator(latent)
        return images

    @abstractmethod
    def discriminator_loss(self, images: Tensor, latent: Tensor) -> Tensor:
        """Return the discriminator's loss, a scalar.

        It is that of real images, and of made ones by their latent values.
        """

    @abstractmethod
    def generator_loss(self, latent: Tensor) -> Tensor:
        """Return the generator's loss, a scalar, for made images by their latent values."""

    def alarms(self, _images: int) -> list[str]:
        """Return the failures of a training on so many images, as words that follow on `the network`."""
        return []

    @abstractmethod
    def measures(self, images: Tensor, latent: Tensor) -> dict[str, Tensor]:
        """Return scalars to follow while training, on as many real as made images. No state changes."""


class Dcgan(Adversaries):
    """A GAN whose discriminator gives one score per image, the log odds of being real.

    Its losses are those of Goodfellow et al. 2014: -log D(x) - log(1 - D(G(z))), and for the generator
    -log D(G(z)).
    """

    def discriminator_loss(self, images: Tensor, latent: Tensor) -> Tensor:
        """Return the sum of the cross entropies of real and made images.

        Batch norm sees each kind alone (Radford et al. 2016).
        """
        made = self.generator(latent).detach()
        # softplus(-s) is -log D, softplus(s) is -log(1 - D).
        real, fake = self.discriminator(images), self.discriminator(made)
        return functional.softplus(-real).mean() + functional.softplus(fake).mean()

    def generator_loss(self, latent: Tensor) -> Tensor:
        """Return the cross entropy of made images under the label of real ones."""
        return functional.softplus(-self.discriminator(self.generator(latent))).mean()

    def measures(self, images: Tensor, latent: Tensor) -> dict[str, Tensor]:
        """Return the losses of both parts."""
        return {
            "discriminator_loss": self.discriminator_loss(images, latent),
            "generator_loss": self.generator_loss(latent),
        }


class Began(Adversaries):
    """A GAN whose discriminator is an auto-encoder; L(v) = mean |v - D(v)| (Berthelot, Schumm, Metz 2017).

    Args:
        gain: lambda_k, the step of k; a run of few steps needs more than the paper's, or k stays near 0 and
            the generator learns to make what is easily encoded, not what is real.
        diversity: gamma, the ratio of L(G(z)) to L(x) that k holds.

    Attributes:
        balance: k of the paper, a buffer: how much the discriminator attends to made images.
        moved: whether k has ever left the 0 where it begins, a buffer.
        pinned: images seen since k is 0 or 1, a buffer.
        longest_pinned: the most that it was since k has moved, a buffer.
    """

    balance: Tensor
    moved: Tensor
    pinned: Tensor
    longest_pinned: Tensor

    def __init__(
        self,
        generator: nn.Module,
        discriminator: nn.Module,
        latent: int,
        gain: float,
        diversity: float,
    ) -> None:
        super().__init__(generator, discriminator, latent)
        self.gain, self.diversity = gain, diversity
        self.register_buffer("balance", torch.zeros(()))
        self.register_buffer("moved", torch.zeros((), dtype=torch.bool))
        self.register_buffer("pinned", torch.zeros(()))
        self.register_buffer("longest_pinned", torch.zeros(()))

    def discriminator_loss(self, images: Tensor, latent: Tensor) -> Tensor:
        """Return L_D = L(x) - k L(G(z)).

        While training, also set k <- clip(k + lambda_k (gamma L(x) - L(G(z))), 0, 1).
        """
        real, made = self._error(images), self._error(self.generator(latent).detach())
        loss = real - self.balance.clone() * made
        if self.training:
            with torch.no_grad():
                step = self.gain * (self.diversity * real - made)
                self.balance.copy_((self.balance + step).clamp(0, 1))
                free = (self.balance > 0) & (self.balance < 1)
                self.pinned.copy_(torch.where(free, 0, self.pinned + len(images)))
                self.moved.logical_or_(self.balance > 0)
                since = torch.where(self.moved, self.pinned, 0)
                torch.maximum(self.longest_pinned, since, out=self.longest_pinned)
        return loss

    def generator_loss(self, latent: Tensor) -> Tensor:
        """Return L_G = L(G(z))."""
        return self._error(self.generator(latent))

    def measures(self, images: Tensor, latent: Tensor) -> dict[str, Tensor]:
        """Return the convergence measure M = L(x) + |gamma L(x) - L(G(z))|, and k."""
        real, made = self._error(images), self._error(self.generator(latent))
        convergence = real + (self.diversity * real - made).abs()
        return {"convergence": convergence, "balance": self.balance.clone()}

    def alarms(self, images: int) -> list[str]:
        """Return an alarm where k did not leave 0 or 1 for an epoch, now or before.

        The two parts then played no game.

        k begins at 0 until the generator makes what is easily encoded, which takes some epochs of a small
        set: that counts only where it never ended.
        """
        longest = torch.maximum(self.longest_pinned, self.pinned).item()
        return [f"held k at 0 or 1 for {longest / images:.1f} epochs"] if longest >= images else []

    def _error(self, images: Tensor) -> Tensor:
        """Return the mean of L over images."""
        error: Tensor = (images - self.discriminator(images)).abs().mean()
        return error
