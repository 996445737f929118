"""Reads ordinary mail without labels: which type of case it is about."""
