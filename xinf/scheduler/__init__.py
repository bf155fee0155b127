"""From a snapshot to a plan. Pure."""
