"""Pure decisions about one call: its machine, admission, leg results, the 28 statuses, retry and crash rules."""
