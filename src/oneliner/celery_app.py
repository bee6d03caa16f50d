"""The application for Celery's own commands, with settings from the environment.

``celery -A oneliner.celery_app worker --pool=threads`` is what ``oneliner worker`` starts, and
``celery -A oneliner.celery_app inspect active`` and Flower look at it.
"""

from __future__ import annotations

import os

from oneliner.celery_worker import build
from oneliner.settings import Settings

app = build(Settings.load(os.environ))
