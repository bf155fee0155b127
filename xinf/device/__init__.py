"""What the machine has: one backend per kind of accelerator."""
