"""xinf: one GPU workstation as a private inference service you can trust."""

__version__ = "0.1.0"
