"""Reports: a question's notebook, run headless over a case, kept as one folder a run.

What a notebook and this package have agreed on:

* Question: a notebook answers the question that its metadata names, such as
  ``{"watchme": {"question": "health"}}``; :mod:`watchme_analysis.services.diagnose` knows the questions.
* Parameters: papermill injects ``case`` (absolute path of a case or of a folder of raw evidence) and
  ``timezone`` (IANA name) always; ``since`` and ``until`` (ISO 8601, UTC) and any further parameter of the
  cell tagged ``parameters``, such as ``endpoint`` or ``queue``, when they were asked for. The empty string
  means "not asked for". All are plain strings.
* Diagnosis: the notebook displays it as ``application/vnd.watchme.finding+json``
  (:data:`watchme_analysis.inference.findings.FINDING_MIME`) holding ``Diagnosis.to_dict()``. Of several such
  outputs, the last one that has a ``verdict`` is the report's diagnosis.
* Figures: every ``image/png`` output. Its metadata may hold ``name`` (a slug for the file), ``alt`` (what
  the picture shows, for those who can't see it) and ``caption``, either directly or under ``image/png``.
* Files: what the notebook leaves with :func:`watchme_analysis.files.attachments.attach` is moved beside the
  page, which links it.
* Answer: where a notebook asks more than the cause, the cell tagged ``answer`` says what came out, a sentence
  a line of its ``text/plain``. The page begins with it; cells with that tag, such as its heading, are not
  shown again below.
* Cells tagged ``notebook-only`` are run and kept in the notebook but left out of the page, which shows the
  answer and the parameters in its own way.
* Imports: a folder of raw evidence is imported once, before the kernel starts; the kernel finds that import
  through the environment (:data:`watchme_analysis.case.importer.IMPORTS_VARIABLE`).

A run is made in ``.NAME.part`` and renamed when it is whole, so that a folder with a ``result.json`` is
always a finished run: ``status`` says ``ok``, ``failed`` (with the error, and as much of the report as
came about) or ``killed``.
"""
