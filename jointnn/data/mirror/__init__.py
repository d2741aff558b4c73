"""How each folder of the mirror is made from its public source, one file per folder or family."""

from jointnn.registry import Registry

folder = Registry("folder of the mirror", __name__)
