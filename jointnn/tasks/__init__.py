"""The tasks, one file per family; a new one is one decorated class."""

from jointnn.registry import Registry

task = Registry("task", __name__)
