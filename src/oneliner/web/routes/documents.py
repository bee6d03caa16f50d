"""``/v2/oneliner/documents``: the Markdown that a user and the agent share."""

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from oneliner.app import documents
from oneliner.app.ports import Page
from oneliner.domain.document import MAX_PATH_CHARS
from oneliner.domain.errors import Forbidden, NotFound, VersionChanged
from oneliner.web import shapes
from oneliner.web.answer import JsonAnswer
from oneliner.web.answer_schemas import (
    DocumentAnswer,
    DocumentHit,
    DocumentText,
    DocumentVersionAnswer,
    Listed,
)
from oneliner.web.call import Incoming
from oneliner.web.description import described
from oneliner.web.parameters import Before, DocumentId, Limit, Text
from oneliner.web.routing import Endpoint
from oneliner.web.schemas import MAX_NUMBER, DocumentRequest

router = APIRouter(prefix="/v2/oneliner/documents", tags=["documents"], route_class=Endpoint)

_Project = Annotated[Text, Query(max_length=128, description="The project; empty: without a project.")]


@router.get(
    "",
    response_model=Listed[DocumentAnswer],
    operation_id="listDocuments",
    summary="List the caller's documents in a project, by path",
    openapi_extra=described(),
)
async def list_documents(
    call: Incoming,
    project_id: _Project = "",
    limit: Limit = 50,
    before: Before = None,
    path: Annotated[Text | None, Query(max_length=MAX_PATH_CHARS, description="Only the one with this path.")] = None,
) -> Response:
    """Without their text."""
    part = Page(limit + 1, before)
    found = await call.read(lambda tx: documents.list_documents(tx, call.caller.user_id, project_id, part, path))
    shown, cursor = shapes.page_of(found, limit, lambda d: d.path)
    return JsonAnswer(shapes.listed([shapes.document_to_json(d) for d in shown], cursor))


@router.put(
    "",
    response_model=DocumentAnswer,
    operation_id="putDocument",
    summary="Write the next version of a document",
    openapi_extra=described(DocumentRequest, refuses=(Forbidden, VersionChanged)),
)
async def put_document(call: Incoming) -> Response:
    """A new document when the path is not there yet; refused when there is a newer version than `seen_version`."""
    body = await call.body(DocumentRequest)
    caller = call.caller
    caller.check_project(body.project_id)
    written = await call.write(
        lambda tx: documents.write(
            tx, caller.user_id, body.project_id, body.path, body.content, body.seen_version, caller.user_id
        )
    )
    return JsonAnswer(shapes.document_to_json(written))


@router.get(
    "/search",
    response_model=Listed[DocumentHit],
    operation_id="searchDocuments",
    summary="Find documents by what they hold",
    openapi_extra=described(),
)
async def search_documents(
    call: Incoming,
    q: Annotated[Text, Query(min_length=1, max_length=documents.MAX_QUERY_CHARS)],
    project_id: _Project = "",
    limit: Annotated[int, Query(ge=1, le=documents.MAX_HITS)] = 20,
) -> Response:
    """The last written first, with the text around the first place."""
    hits = await call.read(lambda tx: documents.search(tx, call.caller.user_id, project_id, q, limit))
    return JsonAnswer(shapes.listed([shapes.hit_to_json(h) for h in hits]))


@router.get(
    "/{document_id}",
    response_model=DocumentText,
    operation_id="getDocument",
    summary="Read a document",
    openapi_extra=described(refuses=(NotFound,)),
)
async def get_document(
    call: Incoming,
    document_id: DocumentId,
    version: Annotated[int | None, Query(ge=1, le=MAX_NUMBER, description="The newest when left out.")] = None,
) -> Response:
    """With the text of its newest version, or of the one that is asked for."""
    found = await call.read(lambda tx: documents.open_document(tx, call.caller, document_id, version))
    return JsonAnswer(shapes.document_text_to_json(*found))


@router.get(
    "/{document_id}/versions",
    response_model=Listed[DocumentVersionAnswer],
    operation_id="listDocumentVersions",
    summary="List the versions of a document, newest first",
    openapi_extra=described(refuses=(NotFound,)),
)
async def list_versions(call: Incoming, document_id: DocumentId) -> Response:
    """Without their text; the newest 200."""
    found = await call.read(lambda tx: documents.versions(tx, call.caller, document_id))
    return JsonAnswer(shapes.listed([shapes.version_to_json(v) for v in found]))
