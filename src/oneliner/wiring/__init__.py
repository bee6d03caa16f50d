"""The one place that knows which adapters are in use.

It puts the parts of a process together and takes them apart again in the opposite order. Nothing else constructs an
adapter, so what differs between deployments differs here.
"""

from __future__ import annotations

from oneliner.wiring.application import LOCAL_USER, Application, open_application, open_worker
from oneliner.wiring.databases import migrate, schema
from oneliner.wiring.parts import Parts
from oneliner.wiring.tokens import issue_token

__all__ = [
    "LOCAL_USER",
    "Application",
    "Parts",
    "issue_token",
    "migrate",
    "open_application",
    "open_worker",
    "schema",
]
