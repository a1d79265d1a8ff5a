"""Incident investigation for event-driven systems on AWS.

The names below are the public ones; ``help`` on each tells its parameters and errors. Importing the package
loads nothing heavy: each name is fetched from its module when it is first asked for, and pandas, boto3,
matplotlib and duckdb are imported by the functions that use them.

- evidence: ``import_folder``, ``open_case``, ``Case``, ``Window``
- answers: ``diagnose``, ``Diagnosis``
- pages of a notebook: ``open_health``, ``open_backlog``, ``open_alarms``, ``open_what_if``
- access logs without a case: ``read_access_logs``, ``LogOptions``, ``Selection``
- asking AWS: ``Aws``, ``get_log_rows``, ``InsightsQuery``, ``get_metrics``, ``Metric``, ``Expression``
- how rows were obtained: ``Retrieval``; the base of all errors: ``WatchmeError``; ``__version__``
"""

TYPE_CHECKING = False  # checkers take it for typing's, which takes longer to load than all of this

if TYPE_CHECKING:
    from watchme_analysis.case import Case as Case
    from watchme_analysis.case import open_case as open_case
    from watchme_analysis.diagnosis import diagnose as diagnose
    from watchme_analysis.errors import WatchmeError as WatchmeError
    from watchme_analysis.hypotheses.base import Diagnosis as Diagnosis
    from watchme_analysis.importer import import_folder as import_folder
    from watchme_analysis.notebook import open_alarms as open_alarms
    from watchme_analysis.notebook import open_backlog as open_backlog
    from watchme_analysis.notebook import open_health as open_health
    from watchme_analysis.notebook import open_what_if as open_what_if
    from watchme_analysis.retrieval import Retrieval as Retrieval
    from watchme_analysis.sources.access.engine import Selection as Selection
    from watchme_analysis.sources.access.logs import LogOptions as LogOptions
    from watchme_analysis.sources.access.logs import read_access_logs as read_access_logs
    from watchme_analysis.sources.aws.client import Aws as Aws
    from watchme_analysis.sources.insights.ask import get_log_rows as get_log_rows
    from watchme_analysis.sources.insights.calls import InsightsQuery as InsightsQuery
    from watchme_analysis.sources.metrics.frame import get_metrics as get_metrics
    from watchme_analysis.sources.metrics.live import Expression as Expression
    from watchme_analysis.sources.metrics.live import Metric as Metric
    from watchme_analysis.version import __version__ as __version__
    from watchme_analysis.window import Window as Window

# The same again for the running program.
_PUBLIC = {
    "case": ("Case", "open_case"),
    "diagnosis": ("diagnose",),
    "errors": ("WatchmeError",),
    "hypotheses.base": ("Diagnosis",),
    "importer": ("import_folder",),
    "notebook": ("open_alarms", "open_backlog", "open_health", "open_what_if"),
    "retrieval": ("Retrieval",),
    "sources.access.engine": ("Selection",),
    "sources.access.logs": ("LogOptions", "read_access_logs"),
    "sources.aws.client": ("Aws",),
    "sources.insights.ask": ("get_log_rows",),
    "sources.insights.calls": ("InsightsQuery",),
    "sources.metrics.frame": ("get_metrics",),
    "sources.metrics.live": ("Expression", "Metric"),
    "version": ("__version__",),
    "window": ("Window",),
}
_HOMES = {name: module for module, names in _PUBLIC.items() for name in names}


if not TYPE_CHECKING:  # a checker knows the names from above, and that there are no others

    def __getattr__(name: str) -> object:
        """Fetch a public name from its module."""
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return [*_HOMES]
