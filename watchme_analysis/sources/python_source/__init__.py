"""Applications' source, read without being run: routes, calls, what blocks."""
