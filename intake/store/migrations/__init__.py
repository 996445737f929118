"""The history of the schema, applied by ``intake init`` and ``intake upgrade``."""
