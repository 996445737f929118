"""The message log, and what is looked up for a decision."""
