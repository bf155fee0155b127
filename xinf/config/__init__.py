"""TOML to typed settings, in layers, with errors that name file, line and key."""
