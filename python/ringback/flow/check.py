"""Look a whole flow document over and list everything that is wrong with it."""

from typing import Any

from msgspec import Struct

from ringback.flow.document import Document
from ringback.flow.problems import Problem, Severity


class Facts(Struct, frozen=True, kw_only=True):
    """What the checker has to know about the world outside the document.

    Attributes:
        has_speech: A voice engine is there, so that texts can be spoken.
        speech_advice: What to install when it is not.
        sounds: Ids of the account's sounds; None if they are not known, so that any id passes.
    """

    has_speech: bool = True
    speech_advice: str = "install espeak-ng, or use sounds"
    sounds: frozenset[str] | None = None


class CheckResult(Struct, frozen=True, kw_only=True):
    """All problems in the order of the document, and the document if it has a sound form."""

    problems: tuple[Problem, ...]
    document: Document | None = None

    @property
    def is_ok(self) -> bool:
        """Whether the flow may be published: there are no errors. Warnings do not count."""
        return self.document is not None and all(problem.severity is not Severity.ERROR for problem in self.problems)


def check(document: Any, facts: Facts | None = None) -> CheckResult:
    """Check a document.

    Args:
        document: JSON as bytes or text, or what JSON decodes to.
        facts: What is known besides the document.

    Returns:
        Never raises; anything that is not a flow gets problems.
    """
    raise NotImplementedError
