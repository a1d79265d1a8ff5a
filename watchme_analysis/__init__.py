"""Incident investigation for event-driven systems on AWS.

The names below are the public ones; ``help`` on each tells its parameters and errors. Importing the package
loads nothing heavy: each name is fetched from its module when it is first asked for, and pandas, boto3,
matplotlib and duckdb are imported by the functions that use them.

- evidence: ``import_folder``, ``pull`` (from AWS), ``open_case``, ``Case``, ``Window``
- answers: ``diagnose``, ``Diagnosis``, and ``explain`` for pasted log lines
- pages of a notebook: ``open_health``, ``open_backlog``, ``open_alarms``, ``open_what_if``
- reports with an index: ``write_reports``
- access logs without a case: ``read_access_logs``
- logs, metrics and prices from AWS: ``connect``, ``Connection``
- the same for prepared queries and metric math: ``Aws``, ``get_log_rows``, ``InsightsQuery``,
  ``get_metrics``, ``Metric``, ``Expression``
- messages of dead-letter queues, sent again: ``plan_redrive``, ``complete_redrive``
- settings of ``watchme.toml``: ``load_config``
- how rows were obtained: ``Retrieval``; the base of all errors: ``WatchmeError``; ``__version__``
"""

TYPE_CHECKING = False  # checkers take it for typing's, which takes longer to load than all of this

if TYPE_CHECKING:
    from watchme_analysis.access_logs.scan import read_access_logs as read_access_logs
    from watchme_analysis.case.case_folder import Case as Case
    from watchme_analysis.case.importer import import_folder as import_folder
    from watchme_analysis.case.opening import open_case as open_case
    from watchme_analysis.cloudwatch.connection import Connection as Connection
    from watchme_analysis.cloudwatch.connection import connect as connect
    from watchme_analysis.cloudwatch.insights.cached import get_log_rows as get_log_rows
    from watchme_analysis.cloudwatch.insights.query_api import InsightsQuery as InsightsQuery
    from watchme_analysis.cloudwatch.metrics import Expression as Expression
    from watchme_analysis.cloudwatch.metrics import Metric as Metric
    from watchme_analysis.cloudwatch.metrics import get_metrics as get_metrics
    from watchme_analysis.cloudwatch.session import Aws as Aws
    from watchme_analysis.config import load_config as load_config
    from watchme_analysis.errors import WatchmeError as WatchmeError
    from watchme_analysis.inference.findings import Diagnosis as Diagnosis
    from watchme_analysis.notebook import open_alarms as open_alarms
    from watchme_analysis.notebook import open_backlog as open_backlog
    from watchme_analysis.notebook import open_health as open_health
    from watchme_analysis.notebook import open_what_if as open_what_if
    from watchme_analysis.remedies.redrive_plan import complete_redrive as complete_redrive
    from watchme_analysis.remedies.redrive_plan import plan_redrive as plan_redrive
    from watchme_analysis.report.run import write_reports as write_reports
    from watchme_analysis.retrieval import Retrieval as Retrieval
    from watchme_analysis.services.collect import pull as pull
    from watchme_analysis.services.diagnose import diagnose as diagnose
    from watchme_analysis.services.explain import explain as explain
    from watchme_analysis.version import __version__ as __version__
    from watchme_analysis.window import Window as Window

# The same again for the running program.
_PUBLIC = {
    "access_logs.scan": ("read_access_logs",),
    "case.case_folder": ("Case",),
    "case.importer": ("import_folder",),
    "case.opening": ("open_case",),
    "cloudwatch.connection": (
        "Connection",
        "connect",
    ),
    "cloudwatch.insights.cached": ("get_log_rows",),
    "cloudwatch.insights.query_api": ("InsightsQuery",),
    "cloudwatch.metrics": (
        "Expression",
        "Metric",
        "get_metrics",
    ),
    "cloudwatch.session": ("Aws",),
    "config": ("load_config",),
    "errors": ("WatchmeError",),
    "inference.findings": ("Diagnosis",),
    "services.explain": ("explain",),
    "notebook": (
        "open_alarms",
        "open_backlog",
        "open_health",
        "open_what_if",
    ),
    "report.run": ("write_reports",),
    "retrieval": ("Retrieval",),
    "services.diagnose": ("diagnose",),
    "services.collect": ("pull",),
    "remedies.redrive_plan": (
        "plan_redrive",
        "complete_redrive",
    ),
    "version": ("__version__",),
    "window": ("Window",),
}
_HOMES = {name: module for module, names in _PUBLIC.items() for name in names}
# IPython calls it for `%load_ext watchme_analysis`; people do not.
_HOOKS = {"load_ipython_extension": "notebook.magics"}


if not TYPE_CHECKING:  # a checker knows the names from above, and that there are no others

    def __getattr__(name: str) -> object:
        """Fetch a public name from its module."""
        home = _HOMES.get(name) or _HOOKS.get(name)
        if home is None:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        from importlib import import_module

        return getattr(import_module(f"{__name__}.{home}"), name)


def __dir__() -> list[str]:
    return [*_HOMES]
