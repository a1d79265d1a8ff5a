"""Reports: the notebook of a question, executed over a case, with one folder per run.

The interface between a notebook and this package:

* Question: the metadata of a notebook contain its question, such as ``{"watchme": {"question": "health"}}``;
  :mod:`watchme_analysis.services.diagnose` defines the questions.
* Parameters: papermill injects ``case`` (absolute path of a case or of a folder of raw evidence) and
  ``timezone`` (IANA name) always. It injects ``since`` and ``until`` (ISO 8601, UTC) and other parameters of
  the cell tagged ``parameters``, such as ``endpoint`` or ``queue``, if the caller sets them. The empty string
  means "not set". All are plain strings.
* Diagnosis: the notebook displays ``Diagnosis.to_dict()`` as ``application/vnd.watchme.finding+json``
  (:data:`watchme_analysis.inference.findings.FINDING_MIME`). The last such output with a ``verdict`` is the
  diagnosis of the report.
* Figures: every ``image/png`` output. Its metadata may contain ``name`` (a slug for the file), ``alt``
  (alternative text) and ``caption``, either directly or under ``image/png``.
* Files: files that the notebook attaches with :func:`watchme_analysis.files.attachments.attach` are moved
  beside the page, which links them.
* Answer: for a question beyond the cause, the cell tagged ``answer`` contains the result in its
  ``text/plain``, one sentence per line. The page begins with it. Cells with that tag, such as its heading,
  are not repeated below.
* Page: an output's :data:`watchme_analysis.present.display.SECTION_MIME` is the data of a section, which the
  page renders instead of the output's other forms, such as a whole table instead of the first rows of a
  frame.
* Cells tagged ``notebook-only`` are executed and stored in the notebook but omitted from the page, which has
  its own presentation of the answer and the parameters.
* Imports: a folder of raw evidence is imported once, before the kernel starts; the kernel finds that import
  through the environment (:data:`watchme_analysis.case.importer.IMPORTS_VARIABLE`).

A run is written to ``.NAME.part`` and renamed when it is complete, so that a folder with a ``result.json`` is
always a finished run. Its ``status`` is ``ok``, ``failed`` (with the error and the part of the report before
it) or ``killed``.
"""
