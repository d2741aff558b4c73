"""n networks as stacked tensors, their layers and parts, and the architectures."""
