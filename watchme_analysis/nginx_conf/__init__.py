"""Nginx configurations: parsed with their includes, as a tree, and routed as Nginx routes a request.

Entry point: `parse` (the reader), `routing` (the location that serves a path and its upstream), `tree`
(directives in force), `defaults`.

Imports: the foundation (`errors`, `window`, `retrieval`, `version`, `schema`), `files`; crossplane reads
the syntax.

Never: reads access logs, or judges whether a setting is good.
"""
