"""Why a ``/health`` is slow or fails: checks, weights and the verdict."""
