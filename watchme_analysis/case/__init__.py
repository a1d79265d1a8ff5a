"""A case: one folder with tables, copies of configurations and a manifest that accounts for every line.

Entry point: `opening.open_case`, `importer.import_folder`, `case_folder.Case`.

Imports: the readers (`access_logs`, `aws_shapes`, `app_source`, `evidence`, `nginx_conf`) through
`reader_registry`, and below.

Never: uses the network, or interprets the evidence.
"""
