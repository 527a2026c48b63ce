"""Hold two seams that import-linter cannot see: who touches the native module, and that nobody imports the carrier.

The native module is used by the running side, the wiring, the simulator and the fakes; decisions, storage and API
never see it. The simulator is reached over UDP like any carrier.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent.parent / "python" / "ringback"
MAY_USE_ENGINE = {"live", "service", "simulator", "testing"}


def imported_modules(path: Path) -> Iterator[tuple[int, str]]:
    """Yield line and dotted name of everything that a file imports."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from ((node.lineno, f"{node.module}.{alias.name}") for alias in node.names)


def findings(path: Path) -> Iterator[str]:
    """Yield what a file imports and may not."""
    part, name = path.relative_to(PACKAGE).parts[0], path.relative_to(PACKAGE.parent)
    for line, module in imported_modules(path):
        if module.startswith("ringback._engine") and part not in MAY_USE_ENGINE:
            yield f"{name}:{line}: only {', '.join(sorted(MAY_USE_ENGINE))} may use the engine"
        if module.startswith("ringback.simulator") and part != "simulator":
            yield f"{name}:{line}: the simulator is a carrier, reached over UDP, never imported"


def main() -> int:
    """Print every finding; return 1 if there is one."""
    files = sorted(PACKAGE.rglob("*.py"))
    found = [finding for path in files for finding in findings(path)]
    for finding in found:
        print(finding)
    print(f"{len(files)} files looked at, {len(found)} imports across a seam")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
