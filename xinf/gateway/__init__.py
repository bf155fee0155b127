"""The HTTP face: OpenAI-compatible, and the admin API on its own socket."""
