"""The status page: its content, as HTML, as feeds, as a calendar and as files."""
