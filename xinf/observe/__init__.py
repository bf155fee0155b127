"""Metrics, logs, events, usage."""
