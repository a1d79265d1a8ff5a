"""One request across edge, Nginx and application: joined, followed, split into layers.

Entry point: `observations.join_requests` (the join), `followed.follow_requests`, `layers.layer_times`.

Imports: `access_logs`, `stats` and below.

Never: weighs evidence for a cause.
"""
