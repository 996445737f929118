"""Support cases by email: a mailbox in, typed cases and helpful answers out."""

__version__ = "0.1.0"
