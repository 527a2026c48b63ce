"""Every bound of the flow language. A document or a run that exceeds one gets a problem or `Fail`; nothing is cut."""

DOCUMENT_BYTES = 262_144
"""Size of a document as JSON."""

NODES = 500
VARIABLES = 200
TEXT_CHARS = 4_000
"""A text to speak, a template, a body: as written, and again once filled in. 4,000 is usual in the trade."""

EXPRESSION_CHARS = 1_000
TEMPLATE_OPERATORS = 500
"""Operators and brackets in one template. minijinja recurses on them: a few thousand end the process."""

FUEL = 2_500
"""minijinja instructions for one template or expression: about a millisecond, a loop over some 400 items."""

WORK = 200
"""Templates and expressions worked out between two waits. With `FUEL`: how long a run holds up all others."""

STEPS = 1_000
"""Nodes entered in one run."""

JUMPS = 100
"""Jump nodes entered in one run."""

PROMPTS = 20
"""Prompts played one after another in one place."""

PARTIES = 20
"""Parties of one connect node."""

DIGITS = 64
PATTERN_CHARS = 100
ID_CHARS = 64
NAME_CHARS = 200
ROWS = 100
"""Rules of a condition, spans of a date_time, entries of a mapping."""

VALUE_DEPTH = 16
VALUE_ITEMS = 2_000
VALUE_CHARS = 65_536
"""Of one value: levels of lists and records, items in all, characters of text in all."""

STATE_CHARS = 524_288
"""All variables and node results of one run together, in characters."""
