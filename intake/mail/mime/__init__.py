"""One module a wire format: pure functions over bytes and text that message.py is made of."""
