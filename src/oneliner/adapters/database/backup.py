"""Backups of an SQLite database: a copy as of one moment, taken while a server writes, and put back when none does.

A file appears under its name only when it is whole, checked and on the disk; whatever breaks off before leaves what was
there as it was.
"""

from __future__ import annotations

import os
import secrets
import sqlite3
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from oneliner.adapters.database.schema_version import NEWEST, Schema, schema_at
from oneliner.domain.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

#: What belongs to a database file while it is in use.
_COMPANIONS = ("-wal", "-shm", "-journal")
_COUNTED = ("sessions", "messages", "agent_runs", "agent_run_events")
_OWNER_ALONE = 0o600


@dataclass(frozen=True, slots=True)
class BackupFacts:
    """What a backup holds."""

    size_bytes: int
    revision: str
    rows: dict[str, int]


def back_up(database: Path, target: Path) -> BackupFacts:
    """Copy *database* to the new file *target*, as of one moment; writers go on meanwhile.

    Raises Invalid: there is no database, or *target* is there already, or cannot be written, or the copy is not sound.
    """
    if not database.is_file():
        raise Invalid(f"there is no database at {str(database)!r}")
    if target.exists():
        raise Invalid(f"{str(target)!r} is there already; name a new file")
    with _draft_of(target) as draft:
        with closing(_opened(database)) as source, closing(sqlite3.connect(draft)) as copy:
            # All in one step: it reads one snapshot, which writers do not disturb. In several, each write of another
            # process would make it begin anew.
            source.backup(copy, pages=-1)
            # One file, that can be carried about by itself.
            copy.execute("PRAGMA journal_mode = DELETE")
        return checked(draft)


def restore(backup: Path, database: Path) -> Path | None:
    """Put *backup* in the place of *database*, which nobody may be using; what was there is kept beside it: its path, or
    None when nothing was. Raises Invalid: *backup* is not sound, not ours, or made by a newer version.
    """
    facts = checked(backup)
    if schema_at(facts.revision, NEWEST) is Schema.TOO_NEW:
        raise Invalid(
            f"{str(backup)!r} was made by a newer version (revision {facts.revision!r}); upgrade OneLiner first"
        )
    kept: Path | None = None
    with _draft_of(database) as draft:
        with closing(_opened(backup)) as source, closing(sqlite3.connect(draft)) as copy:
            source.backup(copy, pages=-1)
        if database.exists():
            kept = _set_aside(database)
    return kept


def checked(path: Path) -> BackupFacts:
    """What the database at *path* holds. Raises Invalid: it is damaged, or is none of ours."""
    try:
        with closing(_opened(path)) as connection:
            found = [row[0] for row in connection.execute("PRAGMA integrity_check(3)")]
            if found != ["ok"]:
                raise Invalid(f"{str(path)!r} is damaged: {'; '.join(found)}")
            (revision,) = connection.execute("SELECT version_num FROM alembic_version").fetchone()
            count = "SELECT count(*) FROM {}"
            rows = {table: connection.execute(count.format(table)).fetchone()[0] for table in _COUNTED}
    except (sqlite3.Error, TypeError) as error:
        raise Invalid(f"{str(path)!r} is no database of OneLiner, or is damaged: {error}") from error
    return BackupFacts(path.stat().st_size, revision, rows)


def _opened(path: Path) -> sqlite3.Connection:
    # Not created when it is not there. With the right to write: to read what is still in its log, SQLite may have to.
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=rw", uri=True)
    connection.execute("PRAGMA busy_timeout = 10000")
    return connection


def _set_aside(database: Path) -> Path:
    """Give a database a name to be kept under, whole: what is in its log goes into it first."""
    with closing(_opened(database)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    kept = database.with_name(f"{database.name}.replaced-{secrets.token_hex(4)}")
    # A second name, so that there is a database at every moment: the new one takes the first name in one step.
    kept.hardlink_to(database)
    for companion in _COMPANIONS:
        database.with_name(database.name + companion).unlink(missing_ok=True)
    return kept


@contextmanager
def _draft_of(target: Path) -> Generator[Path]:
    """A file for its owner alone, that becomes *target* at the end; nothing is left of it when that is not reached."""
    draft = target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
    try:
        os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, _OWNER_ALONE))
        yield draft
        _flush(draft)
        draft.replace(target)
        _flush(target.parent)
    except OSError as error:
        raise Invalid(f"{str(target)!r} cannot be written: {error.strerror}") from error
    except sqlite3.Error as error:
        raise Invalid(f"{str(target)!r} cannot be written: {error}") from error
    finally:
        for companion in ("", *_COMPANIONS):
            draft.with_name(draft.name + companion).unlink(missing_ok=True)


def _flush(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
