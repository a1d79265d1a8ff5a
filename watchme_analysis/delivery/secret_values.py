"""Secrets by reference: an environment variable, a file, AWS Secrets Manager or SSM's Parameter Store.

``env:VARIABLE``, ``file:PATH``, ``secretsmanager:ID`` (``ID#KEY`` for a key of a secret that is a JSON
object) and ``ssm:NAME``. A value is read when it is needed, and occurs in no page, log or error.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from watchme_analysis.errors import InputError
from watchme_analysis.text.render import error_message

if TYPE_CHECKING:
    from watchme_analysis.cloudwatch.session import Aws


@dataclass
class Secret:
    """A secret, by its reference, which `config` has validated.

    ``aws_of`` returns the account in a region; None is the configured region.
    """

    reference: str
    aws_of: Callable[[str | None], Aws] = field(repr=False)
    _value: str | None = field(default=None, init=False, repr=False)

    def value(self) -> str:
        """Return the secret; it is read once.

        Raises
        ------
        InputError
            When it is missing or empty.
        ServiceError
            When AWS can't be called.
        """
        if self._value is None:
            found = self._read().strip()
            if not found:
                raise InputError(error_message("error-secret-empty", reference=self.reference))
            self._value = found
        return self._value

    def _read(self) -> str:
        kind, _, name = self.reference.partition(":")
        if kind == "env":
            if name not in os.environ:
                raise InputError(error_message("error-secret-missing", reference=self.reference))
            return os.environ[name]
        if kind == "file":
            try:
                return Path(name).expanduser().read_text(encoding="utf-8")
            except (OSError, UnicodeDecodeError) as error:
                raise InputError(
                    error_message("error-secret-unreadable", reference=self.reference, reason=error)
                ) from error
        if kind == "ssm":
            response = self._aws(name).call("ssm", "get_parameter", Name=name, WithDecryption=True)
            return str(response["Parameter"]["Value"])
        secret_id, _, key = name.partition("#")
        response = self._aws(secret_id).call("secretsmanager", "get_secret_value", SecretId=secret_id)
        text = str(response.get("SecretString", ""))
        return self._of_key(text, key) if key else text

    def _aws(self, name: str) -> Aws:
        return self.aws_of(name.split(":")[3] if name.startswith("arn:") else None)

    def _of_key(self, text: str, key: str) -> str:
        try:
            return str(json.loads(text)[key])
        except (ValueError, KeyError, TypeError, RecursionError):
            # The text of the error would quote the secret.
            raise InputError(error_message("error-secret-no-key", reference=self.reference)) from None


def allowed_calls(reference: str) -> Iterable[tuple[tuple[str, ...], str]]:
    """Yield the IAM action that reads a secret, with its ARN; none for other texts."""
    kind, _, name = reference.partition(":")
    if kind == "secretsmanager":
        secret = name.partition("#")[0]
        # AWS appends a hyphen and six characters to the name of a secret.
        yield ("secretsmanager:GetSecretValue",), arn(secret, f"secretsmanager:*:*:secret:{secret}-??????")
    elif kind == "ssm":
        yield ("ssm:GetParameter",), arn(name, f"ssm:*:*:parameter/{name.lstrip('/')}")


def arn(name: str, of_name: str) -> str:
    """Return an ARN; a name becomes the one in any region and account, for a policy."""
    return name if name.startswith("arn:") else f"arn:aws:{of_name}"
