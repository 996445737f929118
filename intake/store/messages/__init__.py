"""The messages table, and the data that is looked up for a decision."""
