"""Errors of the package.

Every message is one sentence that says what is wrong, where (file, line, queue, window) and what to do
next: a :func:`watchme_analysis.text.render.error_message`, so that it is told in the language of the reader.
The command line prints that sentence without a traceback and exits 2.
"""


def reason_of(error: BaseException) -> str:
    """Return why a text could not be read, in one line."""
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return " ".join(str(error).split()).rstrip(".")


class WatchmeError(Exception):
    """Base of every error that the package raises on purpose."""

    retryable = False

    def _render_traceback_(self) -> list[str]:
        """Return the sentence alone as the traceback in a notebook."""
        return [f"{type(self).__name__}: {self}"]


class InputError(WatchmeError):
    """A parameter, a path or an option that can't be used as given."""


class LeftOutError(InputError):
    """A file of evidence that is left on purpose, such as one that holds what another holds too."""


class FormatError(WatchmeError):
    """A file or a format description that can't be read at all."""


class AccountingError(WatchmeError):
    """A reader lost lines or counted some twice, which is a bug of the package and not of the input."""


class CaseError(WatchmeError):
    """A case folder that is missing, incomplete, or doesn't match its manifest."""


class QueryError(WatchmeError):
    """SQL over a case that DuckDB refuses."""


class ServiceError(WatchmeError):
    """A service that answered with an error or not at all."""


class RetryableServiceError(ServiceError):
    """A service error that may go away when asked again (throttling, 5xx, connection reset)."""

    retryable = True


class ReportError(WatchmeError):
    """A notebook that failed while a report was made."""


class MessageError(WatchmeError):
    """A message that the catalogues lack, or a value that it lacks, which is a bug of the package."""
