"""Log lines on standard error: one for each fact, with a fixed event name and its fields.

As text: time, level, event, ``name=value``. As JSON: the same as one object a line, ``time`` in UTC. What is bound to
the work under way (request, run, session, user, trace; see ``app.log_fields``) is on every line without anybody's doing.
Only names and ids are logged, never what was said; and should a secret of this process still come into a text that
somebody else wrote, an exception's say, it is taken out here.
"""

from __future__ import annotations

import json
import logging
import os
import re
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from oneliner.app import log_fields
from oneliner.domain import secret

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from oneliner.settings import Settings

_OWN = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName", "color_message"}
_BARE = re.compile(r"[^\s\"=]+")


class _Lines(logging.Formatter):
    """What both forms have in common: which fields a line has, and what must not be on it."""

    def __init__(self, secrets: Iterable[str]) -> None:
        super().__init__()
        #: Takes the secrets of the process out of a line.
        self.clean = secret.hider(secrets)

    def fields(self, record: logging.LogRecord) -> Mapping[str, Any]:
        """Those of the fact, then those of the work it belongs to; empty ones are left out."""
        own = {name: value for name, value in vars(record).items() if name not in _OWN}
        return {
            name: value for name, value in {**own, **log_fields.current(), **own}.items() if value not in ("", None)
        }


class _Text(_Lines):
    """Each fact on one line; only a traceback has more."""

    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03d"

    def format(self, record: logging.LogRecord) -> str:
        """*record* as text."""
        more = "".join(f" {name}={_shown(value)}" for name, value in self.fields(record).items())
        said = record.getMessage().replace("\n", "\\n")
        line = f"{self.formatTime(record)} {record.levelname.lower()} {said}{more}"
        return self.clean(f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line)


class _Json(_Lines):
    """Each fact as one JSON object, also one with a traceback."""

    def format(self, record: logging.LogRecord) -> str:
        """*record* as JSON."""
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "event": record.getMessage(),
            **self.fields(record),
        }
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return self.clean(json.dumps(line, ensure_ascii=False, default=str))


def log_to_stderr(settings: Settings) -> None:
    """Write lines as *settings* say, those of the libraries beneath from ``warning`` on, without a secret of theirs or of
    the environment.
    """
    secrets = settings.secrets | secret.in_environment(os.environ)
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Json(secrets) if settings.log_format == "json" else _Text(secrets))
    logging.basicConfig(level=max(logging.WARNING, level), handlers=[handler], force=True)
    logging.getLogger("oneliner").setLevel(level)
    if settings.access_log == "off":
        logging.getLogger("oneliner.access").setLevel(logging.CRITICAL)


def _shown(value: object) -> str:
    """*value* so that a line can be taken apart again: quoted where it is more than one word."""
    text = str(value)
    return text if _BARE.fullmatch(text) else json.dumps(text, ensure_ascii=False)
