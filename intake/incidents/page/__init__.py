"""The status page: what stands on it, as HTML, as feeds, as a calendar, as files."""
