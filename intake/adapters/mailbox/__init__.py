"""Sources of mail: IMAP, a Maildir, or one mail on standard input."""
