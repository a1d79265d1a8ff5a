"""Sources: one module per kind of evidence.

``get_*`` asks a service, ``read_*`` reads a file, ``parse_*`` reads text or bytes; each returns a frame
that :mod:`watchme_analysis.schema` describes and a :class:`~watchme_analysis.retrieval.Retrieval`.
"""
