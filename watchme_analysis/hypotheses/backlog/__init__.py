"""Why messages pile up, fail or get lost: checks, weights and the verdict."""
