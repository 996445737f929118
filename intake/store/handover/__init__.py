"""Staff, the conversation of a case, and what staff do to cases."""
