"""Values that several packages share: accounts, cases, incidents, and what is known of a mail."""
