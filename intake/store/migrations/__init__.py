"""The schema's history, run by ``intake init``."""
