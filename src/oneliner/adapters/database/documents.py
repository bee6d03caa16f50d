"""Project documents in the database."""

from __future__ import annotations

from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    Boolean,
    Text,
    and_,
    bindparam,
    case,
    func,
    insert,
    literal_column,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from oneliner.adapters.database.encoding import like
from oneliner.adapters.database.statement import Statement
from oneliner.adapters.database.tables import document_terms, document_versions, documents, run_documents
from oneliner.domain.document import (
    Access,
    Document,
    DocumentUse,
    DocumentVersion,
    SearchHit,
    excerpt_around,
    title_of,
)
from oneliner.domain.errors import NotFound, VersionChanged
from oneliner.domain.search import Term, owner_term, query_terms, row_number, terms_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.sql.compiler import SQLCompiler

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
_PUT_TERMS = Statement(
    text(
        "INSERT INTO document_terms (id, document_id, terms) VALUES (:id, :document, :terms)"
        " ON CONFLICT (id) DO UPDATE SET terms = excluded.terms"
    )
)
_NOTE = Statement(
    text(
        "INSERT INTO run_documents (run_id, document_id, version, access, created_at)"
        " VALUES (:run, :document, :version, :access, :now) ON CONFLICT DO NOTHING"
    )
)
_r = run_documents.c
_OF_RUN = Statement(
    select(*_COLUMNS, _r.version, _r.access, _r.created_at)
    .join_from(run_documents, documents, _r.document_id == documents.c.id)
    .where(_r.run_id == bindparam("run"))
    .order_by(_r.created_at, documents.c.path, _r.version, _r.access)
    .limit(bindparam("limit"))
)
_NEWEST = and_(_v.document_id == documents.c.id, _v.version == documents.c.version)
_HOLDS_PHRASE = func.lower(_v.content).like(bindparam("phrase"), escape="\\")


class has_terms(FunctionElement[bool]):  # noqa: N801 - reads as the SQL function it is
    """Whether a row of ``document_terms`` has what the bound full-text query asks for."""

    type = Boolean()
    inherit_cache = True


@compiles(has_terms, "sqlite")
def _sqlite_has_terms(element: has_terms, compiler: SQLCompiler, **options: Any) -> str:
    query = compiler.process(element.clauses, **options)
    return f"document_terms.id IN (SELECT rowid FROM document_search WHERE document_search MATCH {query})"  # noqa: S608 - a bound parameter


@compiles(has_terms, "postgresql")
def _postgresql_has_terms(element: has_terms, compiler: SQLCompiler, **options: Any) -> str:
    query = compiler.process(element.clauses, **options)
    # As an array that is made first, over the index: joined as they are, a user's rows are read and converted one by one.
    return (
        "document_terms.id = ANY (ARRAY (SELECT found.id FROM document_terms found"  # noqa: S608 - a bound parameter
        f" WHERE terms_vector(found.terms) @@ CAST({query} AS tsquery)))"
    )


_SEARCH = Statement(
    select(*_COLUMNS, _v.content)
    .join_from(documents, document_versions, _NEWEST)
    .join(document_terms, document_terms.c.document_id == documents.c.id)
    .where(*_MINE, has_terms(bindparam("terms", type_=Text)))
    .order_by(case((_HOLDS_PHRASE, 0), else_=1), documents.c.updated_at.desc(), documents.c.id)
    .limit(bindparam("limit"))
)
# For a query without a word in it, such as "%": nothing but reading can find that.
_SCAN = Statement(
    select(*_COLUMNS, _v.content)
    .join_from(documents, document_versions, _NEWEST)
    .where(*_MINE, or_(_HOLDS_PHRASE, func.lower(documents.c.path).like(bindparam("phrase"), escape="\\")))
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
        owner = owner_term(document.user_id, document.project_id)
        terms = terms_of(f"{document.path}\n{content}")
        _PUT_TERMS.run(
            self._driver, id=row_number(document.id), document=document.id, terms=f"{owner} {terms}".rstrip()
        )
        if run_id:
            self.note_use(run_id, document.id, written.version, Access.WRITE)
        return written

    def search(self, user_id: str, project_id: str, query: str, limit: int) -> list[SearchHit]:
        values: dict[str, object] = {"user": user_id, "project": project_id, "phrase": like(query), "limit": limit}
        wanted = query_terms(query)
        if wanted:
            # Whose it is as one term more, so that what the others wrote costs nothing here.
            wanted.append(Term(owner_term(user_id, project_id), is_prefix=False))
            rows = _SEARCH.rows(self._driver, terms=self._full_text_query(wanted), **values)
        else:
            rows = _SCAN.rows(self._driver, **values)
        words = [query, *(t.text for t in query_terms(query))]
        return [SearchHit(_document(r), excerpt_around(r[len(_NAMES)], words)) for r in rows]

    def note_use(self, run_id: str, document_id: str, version: int, access: Access) -> None:
        _NOTE.run(
            self._driver,
            run=run_id,
            document=document_id,
            version=version,
            access=str(access),
            now=self._now_ms,
        )

    def of_run(self, run_id: str, limit: int) -> list[DocumentUse]:
        rows = _OF_RUN.rows(self._driver, run=run_id, limit=limit)
        at = len(_NAMES)
        return [DocumentUse(_document(r), r[at], Access(r[at + 1]), r[at + 2]) for r in rows]

    def _full_text_query(self, terms: Sequence[Term]) -> str:
        """All of *terms*, as the database's full-text search is asked. Terms hold neither quotes nor backslashes."""
        if self._driver.dialect.name == "sqlite":
            return " AND ".join(f'"{t.text}"{"*" if t.is_prefix else ""}' for t in terms)
        return " & ".join(f"'{t.text}'{':*' if t.is_prefix else ''}" for t in terms)
