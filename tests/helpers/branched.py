"""Small networks of branches."""

from jointnn.models.architectures import architecture
from jointnn.models.branched import Branched

TWO = {
    "private": ["conv 2", "pool", "dense 5"],
    "shared": ["conv 2", "pool", "dense 7"],
    "image": {"of": ["private", "shared"], "layers": ["dense 6", "image"]},
    "classes": {"of": ["shared"], "layers": ["scores"]},
}


def made(branches=None, classes=3, channels=1, size=8) -> Branched:
    network = architecture["branched"](
        classes=classes, channels=channels, size=size, branches=branches or TWO
    )
    assert isinstance(network, Branched)
    return network
