"""What the checker says about a document."""

from enum import StrEnum


from msgspec import Struct


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
