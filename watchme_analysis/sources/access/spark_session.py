"""A session of Spark, where pyspark and Java are at hand."""

from __future__ import annotations

import os
import shutil
import sys
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from watchme_analysis.errors import InputError, ServiceError
from watchme_analysis.sources.access.parts import PART_BYTES

if TYPE_CHECKING:
    from pyspark.sql import SparkSession


@dataclass(frozen=True)
class SparkSettings:
    """How Spark is used.

    Attributes
    ----------
    options
        Settings of the session, such as ``spark.master``. What is not said here holds as ``spark-submit`` and
        the environment say it; where nobody names a cluster, Spark runs on this machine.
    part_bytes
        Most bytes of a plain file that one task reads; what is packed goes to one task whole.
    """

    options: Mapping[str, str] = field(default_factory=dict)
    part_bytes: int = PART_BYTES


def spark_session(settings: SparkSettings) -> SparkSession:
    """Return the running session, or a new one.

    Raises
    ------
    InputError
        When pyspark or Java is missing.
    ServiceError
        When the session can't be had.
    """
    if find_spec("pyspark") is None:
        raise InputError(
            "The engine spark needs the package pyspark, which is not installed: python3 tasks.py spark "
            "brings it; or leave out --engine spark."
        )
    home = os.environ.get("JAVA_HOME")
    if shutil.which("java") is None and not (home and shutil.which(f"{home}/bin/java")):
        raise InputError(
            "The engine spark needs Java 17 or newer, which is not installed: on Debian or Ubuntu "
            "apt install default-jre-headless brings it; or leave out --engine spark."
        )
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession

    # Tasks on this machine run the Python of this process; a cluster's own choice is left alone.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    options = {"spark.app.name": "watchme access", "spark.log.level": "ERROR", **settings.options}
    options.setdefault("spark.ui.showConsoleProgress", str(sys.stderr.isatty()).lower())
    if options.get("spark.master", os.environ.get("MASTER", "local")).startswith("local"):
        # Nobody but this machine talks to the driver.
        options = {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1", **options}
        options.setdefault("spark.ui.enabled", "false")
        quiet = f"-Dlog4j2.configurationFile={Path(__file__).with_name('spark_log4j2.properties').as_uri()}"
        given = options.get("spark.driver.extraJavaOptions", "")
        options["spark.driver.extraJavaOptions"] = f"{quiet} {given}".strip()
    builder = SparkSession.builder
    for name, value in options.items():
        builder = builder.config(name, value)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)
            return builder.getOrCreate()
    except (PySparkException, Py4JError, OSError, RuntimeError) as error:
        raise ServiceError(f"Spark can't be started: {reason_of(error)}") from error


def reason_of(error: Exception) -> str:
    """Return the line that names Java's own error where there is one, else the first."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    java = [line.removeprefix(": ") for line in lines if line.startswith(": ")]
    return (java or lines or [type(error).__name__])[0]
