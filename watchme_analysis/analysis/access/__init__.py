"""Access logs in sum, and error logs by the requests that they are about."""
