"""What the checker says about a document, and the list it writes into."""

from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum

from msgspec import Struct

_MOST = 500
"""Problems listed; a document with more is told how many are left out."""


class Severity(StrEnum):
    """An error keeps a flow from being published; a warning does not."""

    ERROR = "error"
    WARNING = "warning"


class Problem(Struct, frozen=True, kw_only=True):
    """One thing that is wrong.

    Attributes:
        slug: Stable name of the kind of problem.
        message: What is wrong and what to do, for people.
        path: Where, as a JSON path: `$.nodes.menu.exits.1`.
        node: Id of the node, None if it is about the document.
    """

    slug: str
    message: str
    path: str
    node: str | None = None
    severity: Severity = Severity.ERROR


class Problems:
    """Collects problems in the order they are found."""

    def __init__(self) -> None:
        """Begin with none."""
        self.found: list[Problem] = []
        self.left_out = 0
        self.form_errors = 0
        self._node: str | None = None

    @property
    def has_form_errors(self) -> bool:
        """Whether something has not even the right form, so that there is no document to give out."""
        return self.form_errors > 0

    def add(
        self, slug: str, path: str, message: str, *, node: str | None = None, severity: Severity = Severity.ERROR
    ) -> None:
        """Note a problem."""
        if len(self.found) >= _MOST:
            self.left_out += 1
            return
        node = node if node is not None else self._node
        self.found.append(Problem(slug=slug, path=path, message=message, node=node, severity=severity))

    def form(self, slug: str, path: str, message: str, *, node: str | None = None) -> None:
        """Note that something has not the right form."""
        self.form_errors += 1
        self.add(slug, path, message, node=node)

    @contextmanager
    def in_node(self, node_id: str) -> Iterator[None]:
        """Note problems as those of a node."""
        self._node = node_id
        try:
            yield
        finally:
            self._node = None

    def all(self) -> tuple[Problem, ...]:
        """Return the list, with a last entry for what was left out."""
        if not self.left_out:
            return tuple(self.found)
        message = f"there are {self.left_out} more problems; mend these first"
        return (*self.found, Problem(slug="more-problems", path="$", message=message))
