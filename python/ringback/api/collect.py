"""Collects faults of a request, so that all are told at once."""

from ringback.api.problems import FieldProblem, invalid

MAX_FAULTS = 200
"""Faults told in one answer; with 1,000 wrong numbers the first 200 are enough to go on."""


class Faults:
    """The faults found so far."""

    def __init__(self) -> None:
        self._found: list[FieldProblem] = []
        self._left_out = 0

    def __len__(self) -> int:
        return len(self._found) + self._left_out

    def add(self, field: str, detail: str) -> None:
        """Note one fault: the path of the field, and a phrase that goes on from it ("must be ...")."""
        if len(self._found) < MAX_FAULTS:
            self._found.append(FieldProblem(field=field[:200], detail=detail))
        else:
            self._left_out += 1

    def raise_if_any(self) -> None:
        """Refuse the request if there is a fault.

        Raises:
            ProblemError: `invalid-request` with every fault.
        """
        rest = [FieldProblem(field="", detail=f"{self._left_out} more faults are not listed")] if self._left_out else []
        if self._found:
            raise invalid(self._found + rest)
