"""Accounts and contacts, and how they are reached."""
