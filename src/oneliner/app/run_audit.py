"""Who did what to a run: what was done to itself, to its session, to the rules it is under, and to its user's data.

It is read from the one audit log. Rules and exports count from the run's creation on; rules only until its end, because
what was set later never held for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from oneliner.app import audit
from oneliner.app.ports import AuditFilter
from oneliner.app.runs import scope_of
from oneliner.domain.audit import Action, Target
from oneliner.domain.policy import LayerName, override_scopes

if TYPE_CHECKING:
    from collections.abc import Iterator

    from oneliner.app.ports import Page, Transaction
    from oneliner.domain.run import Run
    from oneliner.domain.user import Caller


def of_run(tx: Transaction, caller: Caller, run_id: str, part: Page) -> list[audit.Line]:
    """The lines of the audit log that are about a run, newest first; its user's to read and an administrator's.

    Raises NotFound.
    """
    run = tx.runs.get(run_id, scope_of(caller))
    # Each is a short walk through the index of targets, whatever else the log holds.
    found = {entry.id: entry for only in _about(run) for entry in tx.audit.page(part, only)}
    newest = sorted(found.values(), key=lambda entry: entry.id, reverse=True)
    return audit.named(tx, newest[: part.limit])


def _about(run: Run) -> Iterator[AuditFilter]:
    began = run.created_at
    yield AuditFilter(target=Target.RUN, target_id=run.id)
    yield AuditFilter(target=Target.SESSION, target_id=run.session_id, since_ms=began)
    yield AuditFilter(action=Action.USER_EXPORTED, target=Target.USER, target_id=run.user_id, since_ms=began)
    until = None if run.finished_at is None else run.finished_at + 1
    for target_id in _layers(run):
        yield AuditFilter(target=Target.LAYER, target_id=target_id, since_ms=began, until_ms=until)


def _layers(run: Run) -> Iterator[str]:
    """Every layer whose rules can hold for *run*, as the log names it."""
    yield audit.layer_id(LayerName.SYSTEM, "")
    own = {LayerName.PLATFORM: run.platform, LayerName.PROJECT: run.project_id, LayerName.USER: run.user_id}
    yield from (audit.layer_id(name, scope) for name, scope in own.items() if scope)
    for scope in override_scopes(run.user_id, run.project_id):
        yield audit.layer_id(LayerName.ADMIN_OVERRIDE, scope)
