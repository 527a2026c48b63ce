"""The carrier in the box: a far end that does what the dialled digits say, and calls in by script.

It knows the engine and the model only, runs as a process of its own, and is reached over UDP like any carrier.
"""
