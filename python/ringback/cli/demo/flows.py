"""The demo's flows, small enough to read here. They are made, checked and published through the API."""

from typing import Any


def menu() -> dict[str, Any]:
    """Answer, take a digit, hang up."""
    return {
        "name": "Menu",
        "nodes": {
            "start": {"type": "start", "exits": {"next": "answer"}},
            "answer": {"type": "answer", "exits": {"next": "digit"}},
            "digit": {
                "type": "gather",
                "max_digits": 1,
                "first_timeout_s": 5,
                "exits": {"match": "bye", "no_input": "bye", "invalid": "bye"},
            },
            "bye": {"type": "hangup"},
        },
    }


def silent() -> dict[str, Any]:
    """Only write a note: nothing here needs an answered call."""
    return {
        "name": "Note only",
        "nodes": {
            "start": {"type": "start", "exits": {"next": "note"}},
            "note": {"type": "log", "message": "called by {{ caller.number }}"},
        },
    }


def slow(url: str) -> dict[str, Any]:
    """Ask an API that does not answer, before answering the caller."""
    return {
        "name": "Ask first",
        "nodes": {
            "start": {"type": "start", "exits": {"next": "ask"}},
            "ask": {"type": "api", "url": url, "timeout_s": 30, "exits": {"success": "answer", "failure": "answer"}},
            "answer": {"type": "answer", "exits": {"next": "bye"}},
            "bye": {"type": "hangup"},
        },
    }


def miss_call() -> dict[str, Any]:
    """Take the number of whoever calls, without answering."""
    return {
        "name": "Missed calls",
        "nodes": {
            "start": {"type": "start", "miss_call_s": 2, "exits": {"next": "note"}},
            "note": {"type": "log", "message": "missed"},
        },
    }
