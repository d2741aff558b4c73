"""The datasets, one file per family; a new one is one decorated function or class."""

from jointnn.registry import Registry

dataset = Registry("dataset", __name__)
