"""The agent's way to the project documents: the same use cases as the page's, as tools.

What the agent writes is a new version that names the run, so that everybody can see what it changed and go back.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from oneliner.adapters.tools.declaration import tool
from oneliner.app import documents
from oneliner.app.ports import Page

# The signature of a tool is read at run time, so what it names must be there then.
from oneliner.app.tools import CallContext  # noqa: TC001

if TYPE_CHECKING:
    from collections.abc import Callable

    from oneliner.app.ports import Database

MAX_LISTED = 200


def document_tools(database: Database) -> list[Callable[..., object]]:
    """The tools over the documents in *database*."""

    @tool(read_only=True)
    async def list_documents(context: CallContext) -> list[dict[str, object]]:
        """List the project documents: the working memory that you share with the user and earlier runs."""
        found = await database.read(
            lambda tx: documents.list_documents(tx, context.user_id, context.project_id, Page(MAX_LISTED))
        )
        return [{"path": d.path, "title": d.title, "version": d.version} for d in found]

    @tool(read_only=True)
    async def read_document(path: str, context: CallContext, version: int | None = None) -> dict[str, object]:
        """Read a project document.

        Args:
            path: its path, as listed
            version: an older version; the newest when left out
        """
        document, text = await database.write(
            partial(
                documents.read_for_run,
                user_id=context.user_id,
                project_id=context.project_id,
                path=path,
                version=version,
                run_id=context.run_id,
            )
        )
        return {"path": document.path, "version": text.version, "content": text.content}

    @tool(read_only=True)
    async def search_documents(query: str, context: CallContext) -> list[dict[str, object]]:
        """Find project documents by the words they hold.

        Args:
            query: one or more words or beginnings of words, all of which must be there; Chinese without spaces is fine
        """
        hits = await database.read(lambda tx: documents.search(tx, context.user_id, context.project_id, query))
        return [{"path": h.document.path, "version": h.document.version, "excerpt": h.excerpt} for h in hits]

    @tool(idempotent=True)
    async def write_document(path: str, content: str, context: CallContext, seen_version: int = 0) -> dict[str, object]:
        """Write a project document in Markdown, as a new version; older versions are kept.

        Args:
            path: where it belongs, such as strategy/2026.md
            content: the whole new text
            seen_version: the version you read before changing it; 0 for a new document
        """
        written = await database.write(
            partial(
                documents.write,
                user_id=context.user_id,
                project_id=context.project_id,
                path=path,
                content=content,
                seen_version=seen_version,
                author=context.executor,
                run_id=context.run_id,
            )
        )
        return {"path": written.path, "version": written.version}

    return [list_documents, read_document, search_documents, write_document]
