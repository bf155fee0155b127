"""The engine's side. Runs in the engine's interpreter; shares only the protocol."""
