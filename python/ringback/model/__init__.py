"""Frozen types that travel through Ringback. Imports nothing of ours, does nothing."""
