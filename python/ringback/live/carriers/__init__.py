"""Towards carriers and phones: who may register, how registrations and gateways stand."""
