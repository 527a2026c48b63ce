"""Tells customers what happened to their calls.

`events` makes the rows of the outbox (pure), the journal writer commits them with what they tell of, and `process`
keeps a child process that delivers them: at least once, in order for each call and endpoint, signed, for up to 72
hours.
"""
