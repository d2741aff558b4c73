"""docs/library.md as code, and what its blocks find beside them."""

import re
from pathlib import Path

import torch

from helpers.params import PROJECT
from jointnn.models.saved import make_network, write_network

OF_LIGHTNING = "pytorch_lightning"


def blocks_of_page() -> list[str]:
    """Return every block of Python on the page, in order."""
    text = (PROJECT / "docs/library.md").read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def block_with(words: str) -> str:
    """Return the one block that holds such words."""
    (block,) = [block for block in blocks_of_page() if words in block]
    return block


def core_script() -> str:
    """Return the whole page as one script, but for the block that needs Lightning."""
    return "\n\n".join(block for block in blocks_of_page() if OF_LIGHTNING not in block)


def told_by_the_page() -> list[str]:
    """Return what the page says that each `print` prints, up to three dots."""
    found = re.findall(r"^print\(.*?\)  # ([\[\w].*)$", core_script(), flags=re.MULTILINE)
    return [said.split("...")[0] for said in found if not said.startswith("near")]


def export_beside(folder: Path) -> None:
    """Put a network where the page loads one from."""
    torch.manual_seed(0)
    made_of = {"name": "small_conv", "options": {"width": 4}, "classes": 10, "channels": 1, "size": 16}
    (folder / "networks").mkdir()
    write_network(folder / "networks/mnist_a.safetensors", make_network(**made_of), made_of, {})
