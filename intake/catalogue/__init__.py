"""Case types, fields and rules as data."""
