"""Log lines on standard error: time, level, event, and what belongs to it as ``name=value``."""

from __future__ import annotations

import logging
import sys

_OWN = frozenset(logging.makeLogRecord({}).__dict__) | {"message", "asctime", "taskName", "color_message"}


class _OneLine(logging.Formatter):
    """Each fact on one line, with its ids; only a traceback has more."""

    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03d"

    def format(self, record: logging.LogRecord) -> str:
        """*record* as text."""
        more = "".join(f" {name}={value}" for name, value in vars(record).items() if name not in _OWN)
        said = record.getMessage().replace("\n", "\\n")
        line = f"{self.formatTime(record)} {record.levelname.lower()} {said}{more}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


def log_to_stderr(level: str) -> None:
    """Write lines of *level* and above, those of the libraries beneath from ``warning`` on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_OneLine())
    logging.basicConfig(level=max(logging.WARNING, _number(level)), handlers=[handler], force=True)
    logging.getLogger("oneliner").setLevel(_number(level))


def _number(level: str) -> int:
    return logging.getLevelNamesMapping()[level.upper()]
