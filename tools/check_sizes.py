"""Stop files and functions that have grown past what one reader takes in at once.

The caps are those of CONTRIBUTING.md: Python module 500 lines, Rust file 700 without its tests, function 60 lines,
class 15 public methods, folder 20 files. Tables (a module whose body is mostly one literal) may be longer.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODULE_LINES = 500
RUST_LINES = 700
FUNCTION_LINES = 60
PUBLIC_METHODS = 15
FOLDER_FILES = 20


def python_findings(path: Path) -> Iterator[str]:
    """Yield what is too big in one Python module."""
    text = path.read_text()
    lines = text.count("\n")
    if lines > MODULE_LINES:
        yield f"{path.relative_to(ROOT)}: {lines} lines, at most {MODULE_LINES}: split it"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            length = (node.end_lineno or node.lineno) - node.lineno + 1
            if length > FUNCTION_LINES:
                where = f"{path.relative_to(ROOT)}:{node.lineno}"
                yield f"{where}: {node.name} has {length} lines, at most {FUNCTION_LINES}"
        if isinstance(node, ast.ClassDef):
            public = [
                item.name
                for item in node.body
                if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef) and not item.name.startswith("_")
            ]
            if len(public) > PUBLIC_METHODS:
                yield (
                    f"{path.relative_to(ROOT)}:{node.lineno}: {node.name} has {len(public)} public methods, "
                    f"at most {PUBLIC_METHODS}"
                )


def rust_findings(path: Path) -> Iterator[str]:
    """Yield what is too big in one Rust file; the tests at its end do not count."""
    lines = path.read_text().split("#[cfg(test)]\nmod ")[0].count("\n")
    if lines > RUST_LINES:
        yield f"{path.relative_to(ROOT)}: {lines} lines without tests, at most {RUST_LINES}: split it"


def folder_findings(folders: set[Path], pattern: str) -> Iterator[str]:
    """Yield folders with too many files."""
    for folder in sorted(folders):
        count = len(list(folder.glob(pattern)))
        if count > FOLDER_FILES:
            yield f"{folder.relative_to(ROOT)}: {count} files, at most {FOLDER_FILES}: group them"


def main() -> int:
    """Print every finding; return 1 if there is one."""
    python = sorted((ROOT / "python").rglob("*.py")) + sorted((ROOT / "bench").rglob("*.py"))
    rust = [path for path in sorted((ROOT / "rust/crates").rglob("*.rs")) if "tests" not in path.parts]
    findings = [finding for path in python for finding in python_findings(path)]
    findings += [finding for path in rust for finding in rust_findings(path)]
    findings += folder_findings({path.parent for path in python}, "*.py")
    findings += folder_findings({path.parent for path in rust}, "*.rs")
    for finding in findings:
        print(finding)
    print(f"{len(python) + len(rust)} files looked at, {len(findings)} too big")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
