"""Runs the benchmarks that the README quotes, one after another; figures go to build/bench/."""

import subprocess
import sys

COMMANDS = (
    ["-m", "bench.server_load", "flow"],
    ["-m", "bench.server_load", "click-to-call", "--rates", "25,50,75,100,150,200,250"],
)


def main() -> int:
    """Run each command; return the number that failed."""
    return sum(subprocess.run([sys.executable, *command], check=False).returncode != 0 for command in COMMANDS)


if __name__ == "__main__":
    sys.exit(main())
