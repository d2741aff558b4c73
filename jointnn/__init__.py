"""jointnn: one neural network per dataset, learned jointly; the method finds what to share."""

__version__ = "0.1.0"
