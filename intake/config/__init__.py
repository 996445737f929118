"""The configuration file and the directory file: their shape, and every mistake in them."""
