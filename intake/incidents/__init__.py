"""Notices about incidents and maintenance: text, mail, calendar, digest and status page."""
