"""Repairs: what can be reported, how urgent it is, by when it must be done, and what became of it."""
