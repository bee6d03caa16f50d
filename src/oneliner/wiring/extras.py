"""Adapters that need an extra of this package."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from oneliner.domain.errors import Invalid


def extra(module: str, extra: str) -> Any:
    """A module that needs an extra of this package. Raises Invalid: it is not installed."""
    try:
        return import_module(module)
    except ImportError as error:
        raise Invalid(
            f"this needs an extra that is not installed: pip install 'oneliner[{extra}]' ({error})"
        ) from error
