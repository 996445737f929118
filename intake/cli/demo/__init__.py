"""``intake demo``: the whole service in one process, with sample mails."""
