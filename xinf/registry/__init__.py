"""Model families, sources and files: from a name to something an engine can load."""
