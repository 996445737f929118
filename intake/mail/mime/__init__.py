"""One module per wire format: the pure functions over bytes and text that message.py uses."""
