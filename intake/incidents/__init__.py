"""Notices about incidents and maintenance: whom they reach, what they say, the status page."""
