"""The schema, one module for each group of tables."""
