"""The workings of the call machine; `ringback.call.states` is its face."""
