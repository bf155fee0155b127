"""Makes this machine match its assignments, and reports what is."""
