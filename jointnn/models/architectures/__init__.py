"""Architectures and frozen trunks, one file per family; a new one is one decorated function or class."""

from jointnn.registry import Registry

architecture = Registry("architecture", __name__)
trunk = Registry("trunk", __name__)
