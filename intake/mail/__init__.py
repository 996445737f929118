"""RFC 5322 mail in and out: addresses, messages, references of our own, and encoding."""
