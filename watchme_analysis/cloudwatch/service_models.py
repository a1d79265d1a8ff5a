"""AWS's service models as botocore ships them."""

from __future__ import annotations

from functools import cache
from typing import Any


@cache
def model_loader() -> Any:
    """Return the loader of AWS's service models, shared by all sessions since it caches the large models."""
    from botocore.loaders import create_loader

    return create_loader()
