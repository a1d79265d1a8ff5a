"""State on disk: files written completely or not at all, journals, and temporary files and folders.

Entry point: `atomic_write.write_atomically`, `journal.open_journal` and `process_temp_dir.process_temp_dir`.

Imports: `errors` and `text`.

Never: reads evidence, or knows what is stored.
"""
