"""Countries whose network tones the engine can play (ITU-T E.180 supplement 2)."""

TONE_COUNTRIES = (
    *("de", "us", "ca", "gb", "fr", "it", "es", "in", "au"),
    *("jp", "br", "nl", "ch", "at", "be", "pl", "se"),
)
"""ISO 3166 codes; the engine holds the tones themselves."""
