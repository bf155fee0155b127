"""Engine environments: from a lock file to a managed virtual environment."""
