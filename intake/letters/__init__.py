"""Replies to contacts, written from templates: no clock, no file, no database."""
