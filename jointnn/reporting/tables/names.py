"""What is printed for a name of params.yaml, in every table, legend and figure."""

PRINTED = {"joint_paper": "joint (paper)", "jae_found": "jae (found)", "real": "real images"}
"""Methods whose name in params.yaml does not read well: `joint` by the letter of the paper, and so on."""


def printed(name: str) -> str:
    """What to print for a method or dataset."""
    return PRINTED.get(name, name)
