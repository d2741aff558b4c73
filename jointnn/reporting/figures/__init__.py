"""The figures, one file per family; a new one is one decorated function of a `Context`."""

from jointnn.registry import Registry

figure = Registry("figure", __name__)
