"""Determine who sent a mail, and how well that is proved."""
