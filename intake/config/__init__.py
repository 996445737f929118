"""The configuration file and the directory file: their structure, and all mistakes in them."""
