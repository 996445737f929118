"""Write replies to contacts from templates, without a clock, files or a database."""
