"""Secrets by reference: an environment variable, a file, AWS Secrets Manager or SSM's Parameter Store.

``env:VARIABLE``, ``file:PATH``, ``secretsmanager:ID`` (``ID#KEY`` for a key of a secret that is a JSON
object) and ``ssm:NAME``. A value is read when it is needed, and occurs in no page, log or error.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from watchme_analysis.cloudwatch.iam_policy import Grant, arn
from watchme_analysis.errors import InputError
from watchme_analysis.text.render import error_message

if TYPE_CHECKING:
    from watchme_analysis.cloudwatch.session import Aws


def secret_value(reference: str, aws_of: Callable[[str | None], Aws]) -> str:
    """Return a secret by its reference, which `config` has validated.

    ``aws_of`` returns the account in a region; None is the configured region. A missing or empty secret is an
    InputError, and AWS that can't be called a ServiceError.
    """
    kind, _, name = reference.partition(":")
    if kind == "env":
        if name not in os.environ:
            raise InputError(error_message("error-secret-missing", reference=reference))
        found = os.environ[name]
    elif kind == "file":
        try:
            found = Path(name).expanduser().read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            said = error_message("error-secret-unreadable", reference=reference, reason=error)
            raise InputError(said) from error
    else:
        aws = aws_of(name.split(":")[3] if name.startswith("arn:") else None)
        if kind == "ssm":
            response = aws.call("ssm", "get_parameter", Name=name, WithDecryption=True)
            found = str(response["Parameter"]["Value"])
        else:
            secret_id, _, key = name.partition("#")
            response = aws.call("secretsmanager", "get_secret_value", SecretId=secret_id)
            text = str(response.get("SecretString", ""))
            found = _of_key(text, key, reference) if key else text
    if not found.strip():
        raise InputError(error_message("error-secret-empty", reference=reference))
    return found.strip()


def _of_key(text: str, key: str, reference: str) -> str:
    try:
        return str(json.loads(text)[key])
    except (ValueError, KeyError, TypeError, RecursionError):
        # The text of the error would quote the secret.
        raise InputError(error_message("error-secret-no-key", reference=reference)) from None


def secret_grants(reference: str) -> Iterable[Grant]:
    """Yield the grant that reads a secret; none for other texts."""
    kind, _, name = reference.partition(":")
    if kind == "secretsmanager":
        secret = name.partition("#")[0]
        # AWS appends a hyphen and six characters to the name of a secret.
        resource = arn(secret, f"secretsmanager:*:*:secret:{secret}-??????")
        yield Grant(("secretsmanager:GetSecretValue",), (resource,))
    elif kind == "ssm":
        yield Grant(("ssm:GetParameter",), (arn(name, f"ssm:*:*:parameter/{name.lstrip('/')}"),))
