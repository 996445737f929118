"""The schema, one module an aggregate."""
