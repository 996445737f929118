"""Where mail comes from: IMAP, a Maildir, or one mail on standard input."""
