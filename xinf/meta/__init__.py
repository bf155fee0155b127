"""The MetaStore: all state, in one SQLite file, with ordered change notification."""
