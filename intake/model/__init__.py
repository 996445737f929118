"""Types that several packages share: accounts, cases, incidents, and stored data about a mail."""
