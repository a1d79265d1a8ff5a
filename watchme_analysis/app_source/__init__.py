"""An application's source, read without running it: routes, calls, and calls that block.

Entry point: `reader` (tables `app_handlers` and `app_calls`), `start_command` (how the server is
started).

Imports: the foundation (`errors`, `window`, `retrieval`, `version`, `schema`), `files`.

Never: imports or runs the application.

`source_files` finds the files, `syntax` and `names` resolve names, `routes` (FastAPI, Flask), `django_urls`
and `express` (JavaScript and TypeScript, whose calls are not analysed) find handlers, `calls`
follows them, `blocking_calls` and `concurrency_limits` classify (their rules are TOML data).
"""
