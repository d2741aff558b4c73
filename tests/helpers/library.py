"""docs/library.md as code, and what its blocks find beside them."""

import re
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import torch

from helpers.params import PROJECT
from jointnn.models.saved import make_network, write_network

OF_LIGHTNING, OF_IMAGES = "pytorch_lightning", "jointnn.Predictor"
"""In blocks that need more than the core."""


def blocks_of_page() -> list[str]:
    """Return every block of Python on the page, in order."""
    text = (PROJECT / "docs/library.md").read_text(encoding="utf-8")
    return re.findall(r"^```python\n(.*?)^```$", text, flags=re.MULTILINE | re.DOTALL)


def block_with(words: str) -> str:
    """Return the one block of the page with such words."""
    (block,) = [block for block in blocks_of_page() if words in block]
    return block


def core_script() -> str:
    """Return the whole page as one script, but for the blocks that need more than the core."""
    blocks = blocks_of_page()
    return "\n\n".join(block for block in blocks if OF_LIGHTNING not in block and OF_IMAGES not in block)


def told_by_the_page() -> list[str]:
    """Return the outputs that the page claims for each `print` of the core."""
    return told_in(core_script())


def told_in(code: str) -> list[str]:
    """Return the outputs that code claims for each of its `print`, up to three dots."""
    found = re.findall(r"^print\(.*?\)  # ([\[\w].*)$", code, flags=re.MULTILINE)
    return [said.split("...")[0] for said in found if not said.startswith("near")]


def export_beside(folder: Path, notes: Mapping[str, str] = MappingProxyType({})) -> None:
    """Put a network where the page loads one from."""
    torch.manual_seed(0)
    made_of = {"name": "small_conv", "options": {"width": 4}, "classes": 2, "channels": 3, "size": 32}
    (folder / "networks").mkdir()
    write_network(folder / "networks/leaves.safetensors", make_network(**made_of), made_of, notes)
