"""One request across edge, Nginx and application: joined, followed, split into layers.

Entry point: `observations.requests` (the join), `followed.followed`, `layers.layer_times`.

Imports: `access_logs`, `stats` and below.

Never: weighs evidence for a cause.
"""
