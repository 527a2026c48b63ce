"""What SIP says of callers and reasons, and what a trunk makes of it."""
