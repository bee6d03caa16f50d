"""Project documents in the database."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import and_, bindparam, func, insert, literal_column, or_, select, text, update

from oneliner.adapters.database.encoding import like
from oneliner.adapters.database.statement import Statement
from oneliner.adapters.database.tables import document_versions, documents
from oneliner.domain.document import Document, DocumentVersion, SearchHit, excerpt_around, title_of
from oneliner.domain.errors import NotFound, VersionChanged

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oneliner.adapters.database.statement import Driver
    from oneliner.app.ports import Page, Scope

_NAMES = ("id", "user_id", "project_id", "path", "title", "version", "created_at", "updated_at")
_COLUMNS = tuple(documents.c[name] for name in _NAMES)
_MINE = (documents.c.user_id == bindparam("user"), documents.c.project_id == bindparam("project"))
_ADD = Statement(insert(documents), _NAMES)
_BUMP = Statement(
    update(documents)
    .where(documents.c.id == bindparam("key"), documents.c.version == bindparam("seen"))
    .values(version=bindparam("seen") + 1, title=bindparam("new_title"), updated_at=bindparam("now"))
)
_LOCK = Statement(text("SELECT pg_advisory_xact_lock(hashtextextended(:name, 0))"))
_FIND = Statement(select(*_COLUMNS).where(*_MINE, documents.c.path == bindparam("path")))
_PAGE = Statement(
    select(*_COLUMNS)
    .where(*_MINE, documents.c.path > bindparam("before"))
    .order_by(documents.c.path)
    .limit(bindparam("limit"))
)
_ADD_VERSION = Statement(
    insert(document_versions), ("document_id", "version", "content", "author", "run_id", "created_at")
)
_v = document_versions.c
_CONTENT = Statement(
    select(_v.document_id, _v.version, _v.content, func.length(_v.content), _v.author, _v.run_id, _v.created_at).where(
        _v.document_id == bindparam("key"), _v.version == bindparam("at_version")
    )
)
_VERSIONS = Statement(
    select(
        _v.document_id, _v.version, literal_column("''"), func.length(_v.content), _v.author, _v.run_id, _v.created_at
    )
    .where(_v.document_id == bindparam("key"))
    .order_by(_v.version.desc())
    .limit(bindparam("limit"))
)
_SEARCH = Statement(
    select(*_COLUMNS, _v.content)
    .join_from(documents, document_versions, and_(_v.document_id == documents.c.id, _v.version == documents.c.version))
    .where(
        *_MINE,
        or_(
            func.lower(_v.content).like(bindparam("text"), escape="\\"),
            func.lower(documents.c.path).like(bindparam("text"), escape="\\"),
        ),
    )
    .order_by(documents.c.updated_at.desc(), documents.c.id)
    .limit(bindparam("limit"))
)


@cache
def _get(*, scoped: bool) -> Statement:
    query = select(*_COLUMNS).where(documents.c.id == bindparam("key"))
    return Statement(query.where(documents.c.user_id == bindparam("user")) if scoped else query)


def _document(row: Sequence[Any]) -> Document:
    return Document(*row[: len(_NAMES)])


class SqlDocuments:
    """The document store; see ``app.ports.DocumentStore``."""

    def __init__(self, driver: Driver, now_ms: int) -> None:
        self._driver = driver
        self._now_ms = now_ms

    def page(self, user_id: str, project_id: str, page: Page) -> list[Document]:
        rows = _PAGE.rows(self._driver, user=user_id, project=project_id, before=page.before or "", limit=page.limit)
        return [_document(r) for r in rows]

    def find(self, user_id: str, project_id: str, path: str, *, lock: bool = False) -> Document | None:
        # By its name, because it may not be there yet; SQLite has one writer at any time.
        if lock and self._driver.dialect.name == "postgresql":
            _LOCK.run(self._driver, name=f"document:{user_id}:{project_id}:{path}")
        row = _FIND.first(self._driver, user=user_id, project=project_id, path=path)
        return None if row is None else _document(row)

    def get(self, document_id: str, scope: Scope) -> Document:
        row = _get(scoped=scope.user_id is not None).first(self._driver, key=document_id, user=scope.user_id)
        if row is None:
            raise NotFound("document", document_id)
        return _document(row)

    def content(self, document_id: str, version: int) -> DocumentVersion:
        row = _CONTENT.first(self._driver, key=document_id, at_version=version)
        if row is None:
            raise NotFound("document version", f"{document_id}/{version}")
        return DocumentVersion(*row)

    def versions(self, document_id: str, limit: int) -> list[DocumentVersion]:
        rows = _VERSIONS.rows(self._driver, key=document_id, limit=limit)
        return [DocumentVersion(*r) for r in rows]

    def write(self, document: Document, content: str, author: str, run_id: str) -> Document:
        written = replace(
            document,
            version=document.version + 1,
            title=title_of(document.path, content),
            updated_at=self._now_ms,
        )
        if document.version == 0:
            _ADD.run(self._driver, **{name: getattr(written, name) for name in _NAMES})
        elif not _BUMP.count(
            self._driver, key=document.id, seen=document.version, new_title=written.title, now=self._now_ms
        ):
            raise VersionChanged(f"document {document.path!r} was written by someone else meanwhile; read it again")
        _ADD_VERSION.run(
            self._driver,
            document_id=document.id,
            version=written.version,
            content=content,
            author=author,
            run_id=run_id,
            created_at=self._now_ms,
        )
        return written

    def search(self, user_id: str, project_id: str, query: str, limit: int) -> list[SearchHit]:
        rows = _SEARCH.rows(self._driver, user=user_id, project=project_id, text=like(query), limit=limit)
        return [SearchHit(_document(r), excerpt_around(r[len(_NAMES)], query)) for r in rows]
