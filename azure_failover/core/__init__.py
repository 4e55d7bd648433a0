"""Decisions only: no HTTP library, no clock, no randomness, no I/O.

Time and randomness come in as arguments, so that every decision can be replayed.
"""
