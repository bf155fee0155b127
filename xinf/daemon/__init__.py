"""Composition root and the loops that join rooms."""
