"""Who sent a mail, as far as it is proved."""
