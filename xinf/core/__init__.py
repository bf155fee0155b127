"""The vocabulary: frozen records, states, errors. Imports nothing and does nothing."""
