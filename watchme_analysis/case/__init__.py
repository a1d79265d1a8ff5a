"""A case: a folder of tables, copies of configurations and a manifest that accounts for every input line.

Entry point: `opening.open_case`, `importer.import_folder`, `case_folder.Case`.

Imports: the readers (`access_logs`, `aws_shapes`, `app_source`, `evidence`, `nginx_conf`) through
`reader_registry`, and below.

Never: uses the network, or interprets the evidence.
"""
