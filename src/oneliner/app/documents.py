"""Project documents, for the page and for the agent's tools alike.

Whoever writes names the version it saw; when somebody else has written meanwhile, nothing is written. A writer that
has seen nothing (``seen_version`` None) adds its version on top: the older ones are all kept.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from oneliner.app.ports import Page, Scope
from oneliner.domain.document import Access, Document, checked_content, checked_path
from oneliner.domain.errors import Invalid, NotFound, VersionChanged

if TYPE_CHECKING:
    from oneliner.app.ports import Transaction
    from oneliner.domain.document import DocumentUse, DocumentVersion, SearchHit
    from oneliner.domain.user import Caller

MAX_QUERY_CHARS = 200
MAX_HITS = 50
MAX_VERSIONS = 200
MAX_USES = 500


def list_documents(
    tx: Transaction, user_id: str, project_id: str, part: Page, path: str | None = None
) -> list[Document]:
    """Documents of a user in a project, by path; with *path* that one alone. Raises Invalid: no path of a document."""
    if path is None:
        return tx.documents.page(user_id, project_id, part)
    found = tx.documents.find(user_id, project_id, checked_path(path))
    return [] if found is None else [found]


def read(
    tx: Transaction, user_id: str, project_id: str, path: str, version: int | None = None
) -> tuple[Document, DocumentVersion]:
    """A document with the text of *version*, or of its newest. Raises NotFound; Invalid: no path of a document."""
    document = tx.documents.find(user_id, project_id, checked_path(path))
    if document is None:
        raise NotFound("document", path)
    return document, tx.documents.content(document.id, version or document.version)


def read_for_run(
    tx: Transaction, user_id: str, project_id: str, path: str, version: int | None, run_id: str
) -> tuple[Document, DocumentVersion]:
    """As :func:`read`, and remember that *run_id* has read it."""
    document, text = read(tx, user_id, project_id, path, version)
    tx.documents.note_use(run_id, document.id, text.version, Access.READ)
    return document, text


def search(tx: Transaction, user_id: str, project_id: str, query: str, limit: int = 20) -> list[SearchHit]:
    """Documents whose path and newest text have every word of *query*, those that hold it word for word first. Raises
    Invalid: nothing to look for, or too much.
    """
    query = query.strip()
    if not query or len(query) > MAX_QUERY_CHARS:
        raise Invalid(f"search for 1 to {MAX_QUERY_CHARS} characters", field="q")
    return tx.documents.search(user_id, project_id, query, min(limit, MAX_HITS))


def write(
    tx: Transaction,
    user_id: str,
    project_id: str,
    path: str,
    content: str,
    seen_version: int | None,
    author: str,
    run_id: str = "",
) -> Document:
    """The document after *content* became its newest version; a new document when *path* is not there yet.

    *author* is a user's id or an executor's key. Raises Invalid: an odd path, too much text; VersionChanged:
    *seen_version* is not the newest (0 for a document that is not there yet).
    """
    path = checked_path(path)
    content = checked_content(content)
    found = tx.documents.find(user_id, project_id, path, lock=True)
    newest = 0 if found is None else found.version
    if found is not None and run_id and _is_written(tx, found, content, run_id):
        # A run that writes the same again repeats a call whose outcome it never heard.
        return found
    if seen_version is not None and seen_version != newest:
        raise VersionChanged(
            f"document {path!r} is at version {newest}, not {seen_version}; read it again", version=newest
        )
    if found is None:
        found = Document(tx.new_id(), user_id, project_id, path, "", 0, tx.now_ms, tx.now_ms)
    return tx.documents.write(found, content, author, run_id)


def open_document(
    tx: Transaction, caller: Caller, document_id: str, version: int | None
) -> tuple[Document, DocumentVersion]:
    """A document by its id, with the text of *version* or of its newest. Raises NotFound."""
    document = tx.documents.get(document_id, _scope(caller))
    return document, tx.documents.content(document.id, version or document.version)


def versions(tx: Transaction, caller: Caller, document_id: str) -> list[DocumentVersion]:
    """The newest versions of a document, without their text. Raises NotFound."""
    document = tx.documents.get(document_id, _scope(caller))
    return tx.documents.versions(document.id, MAX_VERSIONS)


def of_run(tx: Transaction, caller: Caller, run_id: str) -> list[DocumentUse]:
    """The versions of documents that a run read and wrote, in the order in which it first did. Raises NotFound."""
    run = tx.runs.get(run_id, _scope(caller))
    return tx.documents.of_run(run.id, MAX_USES)


def _is_written(tx: Transaction, document: Document, content: str, run_id: str) -> bool:
    newest = tx.documents.content(document.id, document.version)
    return newest.run_id == run_id and newest.content == content


def _scope(caller: Caller) -> Scope:
    return Scope(None if caller.is_admin else caller.user_id)
