"""The audit of a case, or of the account as it is now."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from watchme_analysis.case.opening import open_case
from watchme_analysis.remedies.audit import Setting, audit
from watchme_analysis.services.collect import pull_settings
from watchme_analysis.storage.process_temp_dir import process_temp_dir

if TYPE_CHECKING:
    from watchme_analysis.case.case_folder import Case
    from watchme_analysis.cloudwatch.session import Aws


def audit_case(case: Path) -> tuple[Setting, ...]:
    """Return the settings of a case, or of a folder of raw evidence, that the rules check."""
    return _audited(open_case(case))


def _audited(case: Case) -> tuple[Setting, ...]:
    return audit(case, knows_alarms="alarms" in case.coverage())


def audit_account(aws: Aws, queues: tuple[str, ...], functions: tuple[str, ...]) -> tuple[Setting, ...]:
    """Return the settings of queues and functions, and of everything connected to them, as they are now.

    Raises
    ------
    InputError
        When nothing is named.
    ServiceError
        When AWS can't be called, or something named does not exist.
    """
    with tempfile.TemporaryDirectory(dir=process_temp_dir()) as folder:
        return _audited(pull_settings(aws, queues, functions, Path(folder) / "case"))
