"""What the ``/health`` question asks of the tables: requests, layers, rhythm, windows."""
