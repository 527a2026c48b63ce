"""Logs: structured lines on standard error, as text for people or JSON for machines."""

import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import structlog

from ringback.service.setting_types import LogSettings

_NUMBER = re.compile(r"\+\d{5,18}")
_SHOWN = 3
"""Digits at either end of a masked phone number."""


def set_up_logs(settings: LogSettings) -> None:
    """Configure structlog, and let the standard library's loggers (uvicorn, aiohttp) speak through it."""
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    if settings.mask_numbers:
        shared.append(mask_numbers)
    renderer: Any = (
        structlog.processors.JSONRenderer()
        if settings.format == "json"
        else structlog.dev.ConsoleRenderer(colors=False)
    )
    errors = [structlog.processors.format_exc_info] if settings.format == "json" else []
    level = logging.getLevelNamesMapping()[settings.level.upper()]
    structlog.configure(
        processors=[*shared, *errors, renderer],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(structlog.stdlib.ProcessorFormatter(processor=renderer, foreign_pre_chain=[*shared, *errors]))
    logging.basicConfig(handlers=[handler], level=max(level, logging.WARNING), force=True)


def mask_numbers(_logger: object, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Leave only the ends of every phone number in a log line (structlog processor)."""
    for name, value in line.items():
        if isinstance(value, str):
            line[name] = _NUMBER.sub(_masked, value)
    return line


def _masked(found: re.Match[str]) -> str:
    text = found[0]
    return text[: _SHOWN + 1] + "*" * (len(text) - 2 * _SHOWN - 1) + text[-_SHOWN:]
