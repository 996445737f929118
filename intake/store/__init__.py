"""The database: look-ups before a decision, the one transaction after it, the outbox."""
