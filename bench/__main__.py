"""Runs the benchmarks that the README quotes, one after another; figures go to build/bench/."""

import subprocess
import sys

COMMANDS = (
    ["-m", "bench.server_load", "flow", "--rates", "20,100,300,400,500,600"],
    ["-m", "bench.server_load", "click-to-call", "--rates", "20,100,200,250,300,350"],
    ["-m", "bench.server_memory", "--calls", "20000"],
)


def main() -> int:
    """Run each command; return the number that failed."""
    return sum(subprocess.run([sys.executable, *command], check=False).returncode != 0 for command in COMMANDS)


if __name__ == "__main__":
    sys.exit(main())
