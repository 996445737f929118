"""The running service: it collects, decides and records mail, sends letters, publishes the page."""
