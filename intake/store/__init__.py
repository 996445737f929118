"""The database: look-ups before a decision, the transaction that records it, the outbox."""
