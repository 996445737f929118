"""What becomes of a mail: the rule table. Pure: the same facts give the same decision."""
