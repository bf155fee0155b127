"""`python -m xinf`."""

from xinf.cli.main import main

main()
