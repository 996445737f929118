"""The rule table that decides what to do with a mail. Pure: the same facts, the same decision."""
