"""`python -m ringback.cli` is `ringback`."""

from ringback.cli import main

main()
