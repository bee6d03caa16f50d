"""Every operation of the API as a method, for both kinds of client.

Written by scripts/client-code from the API's description.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import quote

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from oneliner.client import answers


def _said(body: Mapping[str, object]) -> dict[str, object]:
    """What is not None: to leave a field out and to send null mean the same everywhere."""
    return {name: value for name, value in body.items() if value is not None}


def _at(part: str) -> str:
    """*part* as one part of a path, whatever is in it."""
    return quote(part, safe="")


class AsyncOperations:
    """Every operation of the API."""

    async def ask(self, method: str, path: str, **request: Any) -> Any:
        """Make the request and answer its JSON."""
        raise NotImplementedError

    async def start_chat(
        self,
        *,
        message: str,
        session_id: str | None = None,
        project_id: str | None = None,
        multitask: answers.Multitask | None = None,
        executor: str | None = None,
        idempotency_key: str | None = None,
    ) -> answers.Accepted:
        """Start a run that answers the message, in the given session or in a new one; or steer the one that is working."""
        return await self.ask(
            "POST",
            "/v1/agent/runs",
            body=_said(
                {
                    "message": message,
                    "session_id": session_id,
                    "project_id": project_id,
                    "multitask": multitask,
                    "executor": executor,
                }
            ),
            idempotency_key=idempotency_key,
        )

    async def resume_chat(
        self, run_id: str, *, answer: Any = None, reason: str | None = None, idempotency_key: str | None = None
    ) -> answers.Accepted:
        """The run goes on with the answer, which fits the `schema` of its `blocked`."""
        return await self.ask(
            "POST",
            f"/v1/agent/runs/{_at(run_id)}/resume",
            body=_said({"answer": answer, "reason": reason}),
            idempotency_key=idempotency_key,
        )

    async def list_sessions(
        self,
        *,
        limit: int | None = None,
        before: str | None = None,
        project_id: str | None = None,
        q: str | None = None,
        mine: bool | None = None,
        deleted: bool | None = None,
    ) -> answers.ListedSessionAnswer:
        """Conversations with their totals."""
        return await self.ask(
            "GET",
            "/v1/agent/sessions",
            query={
                "limit": limit,
                "before": before,
                "project_id": project_id,
                "q": q,
                "mine": mine,
                "deleted": deleted,
            },
        )

    async def get_session(self, session_id: str) -> answers.SessionAnswer:
        """One conversation with its totals, which equal the sums of its messages."""
        return await self.ask("GET", f"/v1/agent/sessions/{_at(session_id)}")

    async def rename_session(self, session_id: str, *, title: str) -> answers.SessionAnswer:
        """It goes by the first line of the new title; the titles of its runs stay."""
        return await self.ask("PATCH", f"/v1/agent/sessions/{_at(session_id)}", body=_said({"title": title}))

    async def delete_session(self, session_id: str) -> None:
        """Runs that have not ended are cancelled first. An administrator can restore it."""
        await self.ask("DELETE", f"/v1/agent/sessions/{_at(session_id)}")

    async def list_messages(
        self, session_id: str, *, limit: int | None = None, before: str | None = None
    ) -> answers.ListedMessageAnswer:
        """What was said, with tokens and cost of each model call."""
        return await self.ask(
            "GET", f"/v1/agent/sessions/{_at(session_id)}/messages", query={"limit": limit, "before": before}
        )

    async def restore_session(self, session_id: str, *, idempotency_key: str | None = None) -> answers.SessionAnswer:
        """The session comes back with its messages and runs, unless its content was purged meanwhile."""
        return await self.ask("POST", f"/v1/agent/sessions/{_at(session_id)}/restore", idempotency_key=idempotency_key)

    async def list_runs(
        self,
        *,
        limit: int | None = None,
        before: str | None = None,
        project_id: str | None = None,
        session_id: str | None = None,
        status: Sequence[answers.RunStatus] | None = None,
        q: str | None = None,
        mine: bool | None = None,
    ) -> answers.ListedRunAnswer:
        """The caller's runs; an administrator sees everybody's."""
        return await self.ask(
            "GET",
            "/v2/oneliner/runs",
            query={
                "limit": limit,
                "before": before,
                "project_id": project_id,
                "session_id": session_id,
                "status": status,
                "q": q,
                "mine": mine,
            },
        )

    async def create_run(
        self,
        *,
        title: str,
        source_screen: str,
        source_action_key: str,
        project_id: str | None = None,
        summary: str | None = None,
        intent_key: str | None = None,
        platform: str | None = None,
        platform_scope: str | None = None,
        plan_request: answers.PlanRequest | None = None,
        session_id: str | None = None,
        executor: str | None = None,
        idempotency_key: str | None = None,
    ) -> answers.RunAnswer:
        """The run waits for its confirmation; with `plan_request.draft` the agent drafts the plan first."""
        return await self.ask(
            "POST",
            "/v2/oneliner/runs",
            body=_said(
                {
                    "title": title,
                    "source_screen": source_screen,
                    "source_action_key": source_action_key,
                    "project_id": project_id,
                    "summary": summary,
                    "intent_key": intent_key,
                    "platform": platform,
                    "platform_scope": platform_scope,
                    "plan_request": plan_request,
                    "session_id": session_id,
                    "executor": executor,
                }
            ),
            idempotency_key=idempotency_key,
        )

    async def get_run(self, run_id: str) -> answers.RunAnswer:
        """One run with its plan, result, usage and governance snapshot."""
        return await self.ask("GET", f"/v2/oneliner/runs/{_at(run_id)}")

    async def list_run_events(
        self,
        run_id: str,
        *,
        after: int | None = None,
        limit: int | None = None,
        event_type: Sequence[answers.EventType] | None = None,
        newest: bool | None = None,
    ) -> answers.ListedEventAnswer:
        """A page, oldest first, whose `next_cursor` is the next `after`; or the stream when the client accepts it."""
        return await self.ask(
            "GET",
            f"/v2/oneliner/runs/{_at(run_id)}/events",
            query={"after": after, "limit": limit, "event_type": event_type, "newest": newest},
        )

    async def list_run_messages(
        self, run_id: str, *, limit: int | None = None, before: str | None = None
    ) -> answers.ListedMessageAnswer:
        """What was said in it, with tokens and cost of each model call; the rest of its session is not looked at."""
        return await self.ask(
            "GET", f"/v2/oneliner/runs/{_at(run_id)}/messages", query={"limit": limit, "before": before}
        )

    async def list_run_documents(self, run_id: str) -> answers.ListedDocumentUseAnswer:
        """In the order in which the run first did; at most 500."""
        return await self.ask("GET", f"/v2/oneliner/runs/{_at(run_id)}/documents")

    async def list_run_tools(self, run_id: str) -> answers.ListedOutlookAnswer:
        """Before anything is called: every call is judged with its arguments when it is about to begin."""
        return await self.ask("GET", f"/v2/oneliner/runs/{_at(run_id)}/tools")

    async def confirm_run(
        self, run_id: str, *, plan_rev: int | None = None, reason: str | None = None, idempotency_key: str | None = None
    ) -> answers.RunAnswer:
        """Let it go, for the plan with revision `plan_rev`; refused when the plan has changed since."""
        return await self.ask(
            "POST",
            f"/v2/oneliner/runs/{_at(run_id)}/confirm",
            body=_said({"plan_rev": plan_rev, "reason": reason}),
            idempotency_key=idempotency_key,
        )

    async def cancel_run(
        self, run_id: str, *, reason: str | None = None, idempotency_key: str | None = None
    ) -> answers.RunAnswer:
        """Stop it for good, in whatever state it is that is not an end."""
        return await self.ask(
            "POST",
            f"/v2/oneliner/runs/{_at(run_id)}/cancel",
            body=_said({"reason": reason}),
            idempotency_key=idempotency_key,
        )

    async def resume_run(
        self, run_id: str, *, answer: Any = None, reason: str | None = None, idempotency_key: str | None = None
    ) -> answers.RunAnswer:
        """The run goes on with the answer, which fits the `schema` of its `blocked`. More money is given by who may."""
        return await self.ask(
            "POST",
            f"/v2/oneliner/runs/{_at(run_id)}/resume",
            body=_said({"answer": answer, "reason": reason}),
            idempotency_key=idempotency_key,
        )

    async def retry_run(
        self, run_id: str, *, reason: str | None = None, more: str | None = None, idempotency_key: str | None = None
    ) -> answers.RunAnswer:
        """It goes on from its last checkpoint. A draft that has met a budget can be given more by who may."""
        return await self.ask(
            "POST",
            f"/v2/oneliner/runs/{_at(run_id)}/retry",
            body=_said({"reason": reason, "more": more}),
            idempotency_key=idempotency_key,
        )

    async def revise_plan(
        self, run_id: str, *, instruction: str, plan_rev: int | None = None, idempotency_key: str | None = None
    ) -> answers.RunAnswer:
        """The agent drafts the plan again, following the instruction."""
        return await self.ask(
            "POST",
            f"/v2/oneliner/runs/{_at(run_id)}/plan/revise",
            body=_said({"instruction": instruction, "plan_rev": plan_rev}),
            idempotency_key=idempotency_key,
        )

    async def edit_plan(
        self, run_id: str, *, plan_rev: int, goal: str | None = None, steps: Sequence[answers.StepEdit] | None = None
    ) -> answers.RunAnswer:
        """The plan gets exactly these steps, in this order; refused when it has changed since `plan_rev`."""
        return await self.ask(
            "PATCH",
            f"/v2/oneliner/runs/{_at(run_id)}/plan",
            body=_said({"plan_rev": plan_rev, "goal": goal, "steps": steps}),
        )

    async def exchange_code(self, *, code: str) -> answers.SignedIn:
        """The code of a sign-in link, which works once, for a token."""
        return await self.ask("POST", "/v1/auth/exchange", body=_said({"code": code}))

    async def get_me(self) -> answers.Me:
        """The caller's user and what this server is; also the cursor from which the stream of all runs tells what is new."""
        return await self.ask("GET", "/v2/oneliner/me")

    async def list_users(self, *, limit: int | None = None, before: str | None = None) -> answers.ListedUserAnswer:
        """Everybody who ever called with a valid token."""
        return await self.ask("GET", "/v2/oneliner/users", query={"limit": limit, "before": before})

    async def set_user_status(
        self, user_id: str, *, status: Literal["approved", "pending", "suspended"]
    ) -> answers.UserAnswer:
        """A suspended user is refused from the next request on."""
        return await self.ask("PUT", f"/v2/oneliner/users/{_at(user_id)}/status", body=_said({"status": status}))

    async def erase_user(self, user_id: str) -> answers.ErasureAnswer:
        """All that the user said and wrote goes for good and his name with it; what he used and what it cost stays, under
        his id. He is refused from the next request on, until an administrator approves him to start anew.
        """
        return await self.ask("DELETE", f"/v2/oneliner/users/{_at(user_id)}")

    async def get_usage(
        self,
        *,
        group_by: answers.GroupBy | None = None,
        since: str | None = None,
        until: str | None = None,
        project_id: str | None = None,
        user_id: str | None = None,
        session_id: str | None = None,
        model: str | None = None,
        executor: str | None = None,
        limit: int | None = None,
        before: str | None = None,
    ) -> answers.Bill:
        """Tokens and cost of what the caller's runs used (an administrator: everybody's), the last 30 days (UTC) by default.

        `total` is the sum of all lines, to the last digit. CSV has all of them at once.
        """
        return await self.ask(
            "GET",
            "/v2/oneliner/usage",
            query={
                "group_by": group_by,
                "since": since,
                "until": until,
                "project_id": project_id,
                "user_id": user_id,
                "session_id": session_id,
                "model": model,
                "executor": executor,
                "limit": limit,
                "before": before,
            },
        )

    async def list_documents(
        self,
        *,
        project_id: str | None = None,
        limit: int | None = None,
        before: str | None = None,
        path: str | None = None,
    ) -> answers.ListedDocumentAnswer:
        """Without their text."""
        return await self.ask(
            "GET",
            "/v2/oneliner/documents",
            query={"project_id": project_id, "limit": limit, "before": before, "path": path},
        )

    async def put_document(
        self, *, path: str, content: str, project_id: str | None = None, seen_version: int | None = None
    ) -> answers.DocumentAnswer:
        """A new document when the path is not there yet; refused when there is a newer version than `seen_version`."""
        return await self.ask(
            "PUT",
            "/v2/oneliner/documents",
            body=_said({"project_id": project_id, "path": path, "content": content, "seen_version": seen_version}),
        )

    async def search_documents(
        self, *, q: str, project_id: str | None = None, limit: int | None = None
    ) -> answers.ListedDocumentHit:
        """The last written first, with the text around the first place."""
        return await self.ask(
            "GET", "/v2/oneliner/documents/search", query={"q": q, "project_id": project_id, "limit": limit}
        )

    async def get_document(self, document_id: str, *, version: int | None = None) -> answers.DocumentText:
        """With the text of its newest version, or of the one that is asked for."""
        return await self.ask("GET", f"/v2/oneliner/documents/{_at(document_id)}", query={"version": version})

    async def list_document_versions(self, document_id: str) -> answers.ListedDocumentVersionAnswer:
        """Without their text; the newest 200."""
        return await self.ask("GET", f"/v2/oneliner/documents/{_at(document_id)}/versions")

    async def get_governance(
        self, *, project_id: str | None = None, platform: str | None = None
    ) -> answers.GovernanceAnswer:
        """The effective policy, field by field with the layer that decided it, and the layers behind it."""
        return await self.ask("GET", "/v2/oneliner/governance", query={"project_id": project_id, "platform": platform})

    async def put_layer(
        self, layer: str, *, rules: answers.RulesBody, scope: str | None = None, seen_version: int | None = None
    ) -> answers.LayerAnswer:
        """Everybody may set his own user layer; the rest is an administrator's."""
        return await self.ask(
            "PUT",
            f"/v2/oneliner/governance/layers/{_at(layer)}",
            body=_said({"scope": scope, "rules": rules, "seen_version": seen_version}),
        )

    async def put_override(
        self, *, rules: answers.RulesBody, notice: str, expires_at: str, scope: str | None = None
    ) -> answers.LayerAnswer:
        """The rules replace what the layers say, until the expiry; those it touches see the notice."""
        return await self.ask(
            "PUT",
            "/v2/oneliner/governance/override",
            body=_said({"scope": scope, "rules": rules, "notice": notice, "expires_at": expires_at}),
        )

    async def end_override(self, *, scope: str | None = None) -> answers.LayerAnswer:
        """The layers hold again; the history keeps the override."""
        return await self.ask("DELETE", "/v2/oneliner/governance/override", query={"scope": scope})

    async def explain_call(
        self,
        *,
        tool: str,
        arguments: Mapping[str, Any] | None = None,
        executor: str | None = None,
        project_id: str | None = None,
        platform: str | None = None,
        user_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> answers.ExplainAnswer:
        """Nothing is called. The arguments are checked and judged as a run would."""
        return await self.ask(
            "POST",
            "/v2/oneliner/governance/explain",
            body=_said(
                {
                    "tool": tool,
                    "arguments": arguments,
                    "executor": executor,
                    "project_id": project_id,
                    "platform": platform,
                    "user_id": user_id,
                }
            ),
            idempotency_key=idempotency_key,
        )

    async def simulate_rules(
        self,
        *,
        layer: answers.LayerName,
        rules: answers.RulesBody,
        scope: str | None = None,
        last: int | None = None,
        idempotency_key: str | None = None,
    ) -> answers.SimulateAnswer:
        """What the draft would have stopped that was not stopped then. Everybody may try his own user layer."""
        return await self.ask(
            "POST",
            "/v2/oneliner/governance/simulate",
            body=_said({"layer": layer, "scope": scope, "rules": rules, "last": last}),
            idempotency_key=idempotency_key,
        )

    async def list_layer_versions(
        self,
        *,
        limit: int | None = None,
        before: str | None = None,
        layer: answers.LayerName | None = None,
        scope: str | None = None,
    ) -> answers.ListedLayerVersion:
        """Each with what it changed. An administrator sees all; everybody else names his own user layer."""
        return await self.ask(
            "GET",
            "/v2/oneliner/governance/history",
            query={"limit": limit, "before": before, "layer": layer, "scope": scope},
        )

    async def diff_layer(
        self, *, layer: answers.LayerName, scope: str | None = None, since: int | None = None, until: int | None = None
    ) -> answers.LayerDiff:
        """What the later one says differently, and whether that is tighter or looser."""
        return await self.ask(
            "GET",
            "/v2/oneliner/governance/diff",
            query={"layer": layer, "scope": scope, "since": since, "until": until},
        )

    async def restore_layer(
        self,
        layer: str,
        *,
        version: int,
        scope: str | None = None,
        seen_version: int | None = None,
        idempotency_key: str | None = None,
    ) -> answers.LayerAnswer:
        """They become the newest version. Standing approvals stay as they are; an override is set anew instead."""
        return await self.ask(
            "POST",
            f"/v2/oneliner/governance/layers/{_at(layer)}/restore",
            body=_said({"scope": scope, "version": version, "seen_version": seen_version}),
            idempotency_key=idempotency_key,
        )

    async def diff_run_governance(self, run_id: str) -> answers.AgainstNowAnswer:
        """What a run like it would be promised now, field by field, and the versions of the layers then and now."""
        return await self.ask("GET", f"/v2/oneliner/runs/{_at(run_id)}/governance/diff")

    async def list_standing_approvals(self, *, user_id: str | None = None) -> answers.ListedStandingApprovalAnswer:
        """What was answered with "allow always", in words, with the rule that asked."""
        return await self.ask("GET", "/v2/oneliner/governance/approvals", query={"user_id": user_id})

    async def revoke_standing_approval(self, approval_id: str, *, user_id: str | None = None) -> None:
        """It counts no more from now on, also for runs at work."""
        await self.ask("DELETE", f"/v2/oneliner/governance/approvals/{_at(approval_id)}", query={"user_id": user_id})

    async def list_executors(self) -> answers.ListedExecutorAnswer:
        """The main agent first, then the specialists of this deployment, with the tools that each has at the moment."""
        return await self.ask("GET", "/v2/oneliner/executors")

    async def list_mcp_servers(self) -> answers.ListedMcpServerAnswer:
        """Those of the file first. The health is that of the process which answers; others have connections of their own."""
        return await self.ask("GET", "/v2/oneliner/mcp/servers")

    async def put_mcp_server(
        self,
        name: str,
        *,
        url: str | None = None,
        headers: Mapping[str, Any] | None = None,
        command: str | None = None,
        args: Sequence[str] | None = None,
        env: Mapping[str, Any] | None = None,
        cwd: str | None = None,
        enabled: bool | None = None,
        tools: Sequence[str] | None = None,
        read_only: Sequence[str] | None = None,
        idempotent: Sequence[str] | None = None,
        trust_hints: bool | None = None,
        repeat_after_question: bool | None = None,
        call_seconds: float | None = None,
        connect_seconds: float | None = None,
        seen_version: int | None = None,
    ) -> answers.McpServerAnswer:
        """Secrets are given as `${MCP_…}`, the name of a variable of the server's environment. Every process follows soon."""
        return await self.ask(
            "PUT",
            f"/v2/oneliner/mcp/servers/{_at(name)}",
            body=_said(
                {
                    "url": url,
                    "headers": headers,
                    "command": command,
                    "args": args,
                    "env": env,
                    "cwd": cwd,
                    "enabled": enabled,
                    "tools": tools,
                    "read_only": read_only,
                    "idempotent": idempotent,
                    "trust_hints": trust_hints,
                    "repeat_after_question": repeat_after_question,
                    "call_seconds": call_seconds,
                    "connect_seconds": connect_seconds,
                    "seen_version": seen_version,
                }
            ),
        )

    async def remove_mcp_server(self, name: str) -> None:
        """Its tools are gone for runs that begin later."""
        await self.ask("DELETE", f"/v2/oneliner/mcp/servers/{_at(name)}")

    async def list_mcp_tools(self, name: str) -> answers.ListedMcpToolAnswer:
        """With what is held to be true of them, which need not be what the server says."""
        return await self.ask("GET", f"/v2/oneliner/mcp/servers/{_at(name)}/tools")

    async def list_schedules(
        self, *, limit: int | None = None, before: str | None = None, project_id: str | None = None
    ) -> answers.ListedScheduleAnswer:
        """The caller's schedules; an administrator sees everybody's."""
        return await self.ask(
            "GET", "/v2/oneliner/schedules", query={"limit": limit, "before": before, "project_id": project_id}
        )

    async def create_schedule(
        self,
        *,
        cron: str,
        handoff: answers.HandoffRequest,
        timezone: str | None = None,
        confirmed_ahead: bool | None = None,
        idempotency_key: str | None = None,
    ) -> answers.ScheduleAnswer:
        """A run at each due time. It waits for its confirmation, unless it was confirmed ahead and the rules allow that."""
        return await self.ask(
            "POST",
            "/v2/oneliner/schedules",
            body=_said({"cron": cron, "timezone": timezone, "confirmed_ahead": confirmed_ahead, "handoff": handoff}),
            idempotency_key=idempotency_key,
        )

    async def list_due_times(
        self, *, cron: str, timezone: str | None = None, count: int | None = None
    ) -> answers.ListedDueTimeAnswer:
        """The next times, before a schedule is made of it. Nothing is stored."""
        return await self.ask(
            "GET", "/v2/oneliner/due-times", query={"cron": cron, "timezone": timezone, "count": count}
        )

    async def get_schedule(self, schedule_id: str) -> answers.ScheduleAnswer:
        """One schedule with what it hands over and when it is due next."""
        return await self.ask("GET", f"/v2/oneliner/schedules/{_at(schedule_id)}")

    async def put_schedule(
        self,
        schedule_id: str,
        *,
        cron: str,
        handoff: answers.HandoffRequest,
        timezone: str | None = None,
        confirmed_ahead: bool | None = None,
    ) -> answers.ScheduleAnswer:
        """Its owner says anew what is handed over, and when. A paused schedule stays paused; the runs it made stay as they
        are.
        """
        return await self.ask(
            "PUT",
            f"/v2/oneliner/schedules/{_at(schedule_id)}",
            body=_said({"cron": cron, "timezone": timezone, "confirmed_ahead": confirmed_ahead, "handoff": handoff}),
        )

    async def delete_schedule(self, schedule_id: str) -> None:
        """It is gone with its history; the runs it made stay."""
        await self.ask("DELETE", f"/v2/oneliner/schedules/{_at(schedule_id)}")

    async def list_fires(
        self, schedule_id: str, *, limit: int | None = None, before: int | None = None
    ) -> answers.ListedFireAnswer:
        """Newest first, each with the run it made."""
        return await self.ask(
            "GET", f"/v2/oneliner/schedules/{_at(schedule_id)}/fires", query={"limit": limit, "before": before}
        )

    async def pause_schedule(self, schedule_id: str, *, idempotency_key: str | None = None) -> answers.ScheduleAnswer:
        """It fires no more until it is resumed."""
        return await self.ask(
            "POST", f"/v2/oneliner/schedules/{_at(schedule_id)}/pause", idempotency_key=idempotency_key
        )

    async def resume_schedule(self, schedule_id: str, *, idempotency_key: str | None = None) -> answers.ScheduleAnswer:
        """It fires again from now on; what was due meanwhile is not made up for."""
        return await self.ask(
            "POST", f"/v2/oneliner/schedules/{_at(schedule_id)}/resume", idempotency_key=idempotency_key
        )

    async def list_audit(
        self,
        *,
        limit: int | None = None,
        before: str | None = None,
        actor: str | None = None,
        action: answers.Action | None = None,
        target: answers.Target | None = None,
        target_id: str | None = None,
        since: str | None = None,
        until: str | None = None,
    ) -> answers.ListedAuditAnswer:
        """Who did what to which, and when; an empty actor is the server itself. Every filter narrows."""
        return await self.ask(
            "GET",
            "/v2/oneliner/audit",
            query={
                "limit": limit,
                "before": before,
                "actor": actor,
                "action": action,
                "target": target,
                "target_id": target_id,
                "since": since,
                "until": until,
            },
        )

    async def list_run_audit(
        self, run_id: str, *, limit: int | None = None, before: str | None = None
    ) -> answers.ListedAuditAnswer:
        """What was done to the run and to its session, to the rules it is under until its end, and exports of its user."""
        return await self.ask("GET", f"/v2/oneliner/runs/{_at(run_id)}/audit", query={"limit": limit, "before": before})

    async def list_retention(
        self, *, limit: int | None = None, before: str | None = None
    ) -> answers.ListedRetentionAnswer:
        """Projects without a rule keep their sessions for good."""
        return await self.ask("GET", "/v2/oneliner/retention", query={"limit": limit, "before": before})

    async def put_retention(self, *, keep_days: int, project_id: str | None = None) -> answers.RetentionAnswer:
        """Sessions in which nothing happened for so many days, and in which nothing is under way, are deleted."""
        return await self.ask(
            "PUT", "/v2/oneliner/retention", body=_said({"project_id": project_id, "keep_days": keep_days})
        )

    async def remove_retention(self, *, project_id: str | None = None) -> None:
        """What was deleted already stays deleted."""
        await self.ask("DELETE", "/v2/oneliner/retention", query={"project_id": project_id})

    async def list_views(self) -> answers.ListedViewAnswer:
        """All of them, in the order in which they were first saved. They are the caller's alone."""
        return await self.ask("GET", "/v2/oneliner/views")

    async def put_view(self, *, name: str, query: str) -> answers.ViewAnswer:
        """In place of what had that name. At most 50 are kept; one more is refused (422)."""
        return await self.ask("PUT", "/v2/oneliner/views", body=_said({"name": name, "query": query}))

    async def remove_view(self, *, name: str) -> None:
        """One of the caller's."""
        await self.ask("DELETE", "/v2/oneliner/views", query={"name": name})

    async def list_webhooks(
        self, *, limit: int | None = None, before: str | None = None, project_id: str | None = None
    ) -> answers.ListedWebhookAnswer:
        """Those of one project, or all; without their secrets."""
        return await self.ask(
            "GET", "/v2/oneliner/webhooks", query={"limit": limit, "before": before, "project_id": project_id}
        )

    async def create_webhook(
        self,
        *,
        url: str,
        project_id: str | None,
        event_types: Sequence[str] | None = None,
        description: str | None = None,
        idempotency_key: str | None = None,
    ) -> answers.WebhookSecretAnswer:
        """The answer holds the secret that deliveries are signed with; it is told this once."""
        return await self.ask(
            "POST",
            "/v2/oneliner/webhooks",
            body=_said({"url": url, "project_id": project_id, "event_types": event_types, "description": description}),
            idempotency_key=idempotency_key,
        )

    async def get_webhook(self, webhook_id: str) -> answers.WebhookAnswer:
        """Whether it is enabled, and since when it has been failing."""
        return await self.ask("GET", f"/v2/oneliner/webhooks/{_at(webhook_id)}")

    async def change_webhook(
        self,
        webhook_id: str,
        *,
        url: str | None = None,
        event_types: Sequence[str] | None = None,
        description: str | None = None,
        enabled: bool | None = None,
    ) -> answers.WebhookAnswer:
        """While it is disabled nothing is noted for it; what was still to be sent goes out when it is enabled again."""
        return await self.ask(
            "PATCH",
            f"/v2/oneliner/webhooks/{_at(webhook_id)}",
            body=_said({"url": url, "event_types": event_types, "description": description, "enabled": enabled}),
        )

    async def delete_webhook(self, webhook_id: str) -> None:
        """It is gone with what was to be sent to it and with its log."""
        await self.ask("DELETE", f"/v2/oneliner/webhooks/{_at(webhook_id)}")

    async def rotate_webhook_secret(
        self, webhook_id: str, *, overlap_seconds: int | None = None, idempotency_key: str | None = None
    ) -> answers.WebhookSecretAnswer:
        """The answer holds the new secret, this once. Until the overlap is over, deliveries carry a signature of each."""
        return await self.ask(
            "POST",
            f"/v2/oneliner/webhooks/{_at(webhook_id)}/rotate",
            body=_said({"overlap_seconds": overlap_seconds}),
            idempotency_key=idempotency_key,
        )

    async def test_webhook(self, webhook_id: str, *, idempotency_key: str | None = None) -> answers.DeliveryAnswer:
        """A delivery of type `webhook.test`; read it again to see what became of it."""
        return await self.ask("POST", f"/v2/oneliner/webhooks/{_at(webhook_id)}/test", idempotency_key=idempotency_key)

    async def list_deliveries(
        self,
        webhook_id: str,
        *,
        limit: int | None = None,
        before: str | None = None,
        status: answers.DeliveryStatus | None = None,
    ) -> answers.ListedDeliveryAnswer:
        """What was delivered, what waits for its next attempt, and what was given up; kept for 30 days."""
        return await self.ask(
            "GET",
            f"/v2/oneliner/webhooks/{_at(webhook_id)}/deliveries",
            query={"limit": limit, "before": before, "status": status},
        )

    async def get_delivery(self, webhook_id: str, delivery_id: str) -> answers.DeliveryLogAnswer:
        """With the status, the time and the beginning of the answer of each attempt."""
        return await self.ask("GET", f"/v2/oneliner/webhooks/{_at(webhook_id)}/deliveries/{_at(delivery_id)}")

    async def redeliver(
        self, webhook_id: str, delivery_id: str, *, idempotency_key: str | None = None
    ) -> answers.DeliveryAnswer:
        """Now, whatever became of it, under the same `webhook-id` and with a full round of attempts."""
        return await self.ask(
            "POST",
            f"/v2/oneliner/webhooks/{_at(webhook_id)}/deliveries/{_at(delivery_id)}/redeliver",
            idempotency_key=idempotency_key,
        )

    async def get_system(self) -> answers.SystemAnswer:
        """Its version, parts, models, tools and effective settings, as the process sees them that answers. No secret is in
        it.
        """
        return await self.ask("GET", "/v2/oneliner/system")

    async def get_health(self) -> answers.Health:
        """Says nothing about its parts; see `/readyz`."""
        return await self.ask("GET", "/healthz")

    async def get_readiness(self) -> answers.Readiness:
        """200 when each part that is needed is `ok`, else 503. Without the `bus` a server still does its job."""
        return await self.ask("GET", "/readyz")


class Operations:
    """Every operation of the API."""

    def ask(self, method: str, path: str, **request: Any) -> Any:
        """Make the request and answer its JSON."""
        raise NotImplementedError

    def start_chat(
        self,
        *,
        message: str,
        session_id: str | None = None,
        project_id: str | None = None,
        multitask: answers.Multitask | None = None,
        executor: str | None = None,
        idempotency_key: str | None = None,
    ) -> answers.Accepted:
        """Start a run that answers the message, in the given session or in a new one; or steer the one that is working."""
        return self.ask(
            "POST",
            "/v1/agent/runs",
            body=_said(
                {
                    "message": message,
                    "session_id": session_id,
                    "project_id": project_id,
                    "multitask": multitask,
                    "executor": executor,
                }
            ),
            idempotency_key=idempotency_key,
        )

    def resume_chat(
        self, run_id: str, *, answer: Any = None, reason: str | None = None, idempotency_key: str | None = None
    ) -> answers.Accepted:
        """The run goes on with the answer, which fits the `schema` of its `blocked`."""
        return self.ask(
            "POST",
            f"/v1/agent/runs/{_at(run_id)}/resume",
            body=_said({"answer": answer, "reason": reason}),
            idempotency_key=idempotency_key,
        )

    def list_sessions(
        self,
        *,
        limit: int | None = None,
        before: str | None = None,
        project_id: str | None = None,
        q: str | None = None,
        mine: bool | None = None,
        deleted: bool | None = None,
    ) -> answers.ListedSessionAnswer:
        """Conversations with their totals."""
        return self.ask(
            "GET",
            "/v1/agent/sessions",
            query={
                "limit": limit,
                "before": before,
                "project_id": project_id,
                "q": q,
                "mine": mine,
                "deleted": deleted,
            },
        )

    def get_session(self, session_id: str) -> answers.SessionAnswer:
        """One conversation with its totals, which equal the sums of its messages."""
        return self.ask("GET", f"/v1/agent/sessions/{_at(session_id)}")

    def rename_session(self, session_id: str, *, title: str) -> answers.SessionAnswer:
        """It goes by the first line of the new title; the titles of its runs stay."""
        return self.ask("PATCH", f"/v1/agent/sessions/{_at(session_id)}", body=_said({"title": title}))

    def delete_session(self, session_id: str) -> None:
        """Runs that have not ended are cancelled first. An administrator can restore it."""
        self.ask("DELETE", f"/v1/agent/sessions/{_at(session_id)}")

    def list_messages(
        self, session_id: str, *, limit: int | None = None, before: str | None = None
    ) -> answers.ListedMessageAnswer:
        """What was said, with tokens and cost of each model call."""
        return self.ask(
            "GET", f"/v1/agent/sessions/{_at(session_id)}/messages", query={"limit": limit, "before": before}
        )

    def restore_session(self, session_id: str, *, idempotency_key: str | None = None) -> answers.SessionAnswer:
        """The session comes back with its messages and runs, unless its content was purged meanwhile."""
        return self.ask("POST", f"/v1/agent/sessions/{_at(session_id)}/restore", idempotency_key=idempotency_key)

    def list_runs(
        self,
        *,
        limit: int | None = None,
        before: str | None = None,
        project_id: str | None = None,
        session_id: str | None = None,
        status: Sequence[answers.RunStatus] | None = None,
        q: str | None = None,
        mine: bool | None = None,
    ) -> answers.ListedRunAnswer:
        """The caller's runs; an administrator sees everybody's."""
        return self.ask(
            "GET",
            "/v2/oneliner/runs",
            query={
                "limit": limit,
                "before": before,
                "project_id": project_id,
                "session_id": session_id,
                "status": status,
                "q": q,
                "mine": mine,
            },
        )

    def create_run(
        self,
        *,
        title: str,
        source_screen: str,
        source_action_key: str,
        project_id: str | None = None,
        summary: str | None = None,
        intent_key: str | None = None,
        platform: str | None = None,
        platform_scope: str | None = None,
        plan_request: answers.PlanRequest | None = None,
        session_id: str | None = None,
        executor: str | None = None,
        idempotency_key: str | None = None,
    ) -> answers.RunAnswer:
        """The run waits for its confirmation; with `plan_request.draft` the agent drafts the plan first."""
        return self.ask(
            "POST",
            "/v2/oneliner/runs",
            body=_said(
                {
                    "title": title,
                    "source_screen": source_screen,
                    "source_action_key": source_action_key,
                    "project_id": project_id,
                    "summary": summary,
                    "intent_key": intent_key,
                    "platform": platform,
                    "platform_scope": platform_scope,
                    "plan_request": plan_request,
                    "session_id": session_id,
                    "executor": executor,
                }
            ),
            idempotency_key=idempotency_key,
        )

    def get_run(self, run_id: str) -> answers.RunAnswer:
        """One run with its plan, result, usage and governance snapshot."""
        return self.ask("GET", f"/v2/oneliner/runs/{_at(run_id)}")

    def list_run_events(
        self,
        run_id: str,
        *,
        after: int | None = None,
        limit: int | None = None,
        event_type: Sequence[answers.EventType] | None = None,
        newest: bool | None = None,
    ) -> answers.ListedEventAnswer:
        """A page, oldest first, whose `next_cursor` is the next `after`; or the stream when the client accepts it."""
        return self.ask(
            "GET",
            f"/v2/oneliner/runs/{_at(run_id)}/events",
            query={"after": after, "limit": limit, "event_type": event_type, "newest": newest},
        )

    def list_run_messages(
        self, run_id: str, *, limit: int | None = None, before: str | None = None
    ) -> answers.ListedMessageAnswer:
        """What was said in it, with tokens and cost of each model call; the rest of its session is not looked at."""
        return self.ask("GET", f"/v2/oneliner/runs/{_at(run_id)}/messages", query={"limit": limit, "before": before})

    def list_run_documents(self, run_id: str) -> answers.ListedDocumentUseAnswer:
        """In the order in which the run first did; at most 500."""
        return self.ask("GET", f"/v2/oneliner/runs/{_at(run_id)}/documents")

    def list_run_tools(self, run_id: str) -> answers.ListedOutlookAnswer:
        """Before anything is called: every call is judged with its arguments when it is about to begin."""
        return self.ask("GET", f"/v2/oneliner/runs/{_at(run_id)}/tools")

    def confirm_run(
        self, run_id: str, *, plan_rev: int | None = None, reason: str | None = None, idempotency_key: str | None = None
    ) -> answers.RunAnswer:
        """Let it go, for the plan with revision `plan_rev`; refused when the plan has changed since."""
        return self.ask(
            "POST",
            f"/v2/oneliner/runs/{_at(run_id)}/confirm",
            body=_said({"plan_rev": plan_rev, "reason": reason}),
            idempotency_key=idempotency_key,
        )

    def cancel_run(
        self, run_id: str, *, reason: str | None = None, idempotency_key: str | None = None
    ) -> answers.RunAnswer:
        """Stop it for good, in whatever state it is that is not an end."""
        return self.ask(
            "POST",
            f"/v2/oneliner/runs/{_at(run_id)}/cancel",
            body=_said({"reason": reason}),
            idempotency_key=idempotency_key,
        )

    def resume_run(
        self, run_id: str, *, answer: Any = None, reason: str | None = None, idempotency_key: str | None = None
    ) -> answers.RunAnswer:
        """The run goes on with the answer, which fits the `schema` of its `blocked`. More money is given by who may."""
        return self.ask(
            "POST",
            f"/v2/oneliner/runs/{_at(run_id)}/resume",
            body=_said({"answer": answer, "reason": reason}),
            idempotency_key=idempotency_key,
        )

    def retry_run(
        self, run_id: str, *, reason: str | None = None, more: str | None = None, idempotency_key: str | None = None
    ) -> answers.RunAnswer:
        """It goes on from its last checkpoint. A draft that has met a budget can be given more by who may."""
        return self.ask(
            "POST",
            f"/v2/oneliner/runs/{_at(run_id)}/retry",
            body=_said({"reason": reason, "more": more}),
            idempotency_key=idempotency_key,
        )

    def revise_plan(
        self, run_id: str, *, instruction: str, plan_rev: int | None = None, idempotency_key: str | None = None
    ) -> answers.RunAnswer:
        """The agent drafts the plan again, following the instruction."""
        return self.ask(
            "POST",
            f"/v2/oneliner/runs/{_at(run_id)}/plan/revise",
            body=_said({"instruction": instruction, "plan_rev": plan_rev}),
            idempotency_key=idempotency_key,
        )

    def edit_plan(
        self, run_id: str, *, plan_rev: int, goal: str | None = None, steps: Sequence[answers.StepEdit] | None = None
    ) -> answers.RunAnswer:
        """The plan gets exactly these steps, in this order; refused when it has changed since `plan_rev`."""
        return self.ask(
            "PATCH",
            f"/v2/oneliner/runs/{_at(run_id)}/plan",
            body=_said({"plan_rev": plan_rev, "goal": goal, "steps": steps}),
        )

    def exchange_code(self, *, code: str) -> answers.SignedIn:
        """The code of a sign-in link, which works once, for a token."""
        return self.ask("POST", "/v1/auth/exchange", body=_said({"code": code}))

    def get_me(self) -> answers.Me:
        """The caller's user and what this server is; also the cursor from which the stream of all runs tells what is new."""
        return self.ask("GET", "/v2/oneliner/me")

    def list_users(self, *, limit: int | None = None, before: str | None = None) -> answers.ListedUserAnswer:
        """Everybody who ever called with a valid token."""
        return self.ask("GET", "/v2/oneliner/users", query={"limit": limit, "before": before})

    def set_user_status(
        self, user_id: str, *, status: Literal["approved", "pending", "suspended"]
    ) -> answers.UserAnswer:
        """A suspended user is refused from the next request on."""
        return self.ask("PUT", f"/v2/oneliner/users/{_at(user_id)}/status", body=_said({"status": status}))

    def erase_user(self, user_id: str) -> answers.ErasureAnswer:
        """All that the user said and wrote goes for good and his name with it; what he used and what it cost stays, under
        his id. He is refused from the next request on, until an administrator approves him to start anew.
        """
        return self.ask("DELETE", f"/v2/oneliner/users/{_at(user_id)}")

    def get_usage(
        self,
        *,
        group_by: answers.GroupBy | None = None,
        since: str | None = None,
        until: str | None = None,
        project_id: str | None = None,
        user_id: str | None = None,
        session_id: str | None = None,
        model: str | None = None,
        executor: str | None = None,
        limit: int | None = None,
        before: str | None = None,
    ) -> answers.Bill:
        """Tokens and cost of what the caller's runs used (an administrator: everybody's), the last 30 days (UTC) by default.

        `total` is the sum of all lines, to the last digit. CSV has all of them at once.
        """
        return self.ask(
            "GET",
            "/v2/oneliner/usage",
            query={
                "group_by": group_by,
                "since": since,
                "until": until,
                "project_id": project_id,
                "user_id": user_id,
                "session_id": session_id,
                "model": model,
                "executor": executor,
                "limit": limit,
                "before": before,
            },
        )

    def list_documents(
        self,
        *,
        project_id: str | None = None,
        limit: int | None = None,
        before: str | None = None,
        path: str | None = None,
    ) -> answers.ListedDocumentAnswer:
        """Without their text."""
        return self.ask(
            "GET",
            "/v2/oneliner/documents",
            query={"project_id": project_id, "limit": limit, "before": before, "path": path},
        )

    def put_document(
        self, *, path: str, content: str, project_id: str | None = None, seen_version: int | None = None
    ) -> answers.DocumentAnswer:
        """A new document when the path is not there yet; refused when there is a newer version than `seen_version`."""
        return self.ask(
            "PUT",
            "/v2/oneliner/documents",
            body=_said({"project_id": project_id, "path": path, "content": content, "seen_version": seen_version}),
        )

    def search_documents(
        self, *, q: str, project_id: str | None = None, limit: int | None = None
    ) -> answers.ListedDocumentHit:
        """The last written first, with the text around the first place."""
        return self.ask(
            "GET", "/v2/oneliner/documents/search", query={"q": q, "project_id": project_id, "limit": limit}
        )

    def get_document(self, document_id: str, *, version: int | None = None) -> answers.DocumentText:
        """With the text of its newest version, or of the one that is asked for."""
        return self.ask("GET", f"/v2/oneliner/documents/{_at(document_id)}", query={"version": version})

    def list_document_versions(self, document_id: str) -> answers.ListedDocumentVersionAnswer:
        """Without their text; the newest 200."""
        return self.ask("GET", f"/v2/oneliner/documents/{_at(document_id)}/versions")

    def get_governance(self, *, project_id: str | None = None, platform: str | None = None) -> answers.GovernanceAnswer:
        """The effective policy, field by field with the layer that decided it, and the layers behind it."""
        return self.ask("GET", "/v2/oneliner/governance", query={"project_id": project_id, "platform": platform})

    def put_layer(
        self, layer: str, *, rules: answers.RulesBody, scope: str | None = None, seen_version: int | None = None
    ) -> answers.LayerAnswer:
        """Everybody may set his own user layer; the rest is an administrator's."""
        return self.ask(
            "PUT",
            f"/v2/oneliner/governance/layers/{_at(layer)}",
            body=_said({"scope": scope, "rules": rules, "seen_version": seen_version}),
        )

    def put_override(
        self, *, rules: answers.RulesBody, notice: str, expires_at: str, scope: str | None = None
    ) -> answers.LayerAnswer:
        """The rules replace what the layers say, until the expiry; those it touches see the notice."""
        return self.ask(
            "PUT",
            "/v2/oneliner/governance/override",
            body=_said({"scope": scope, "rules": rules, "notice": notice, "expires_at": expires_at}),
        )

    def end_override(self, *, scope: str | None = None) -> answers.LayerAnswer:
        """The layers hold again; the history keeps the override."""
        return self.ask("DELETE", "/v2/oneliner/governance/override", query={"scope": scope})

    def explain_call(
        self,
        *,
        tool: str,
        arguments: Mapping[str, Any] | None = None,
        executor: str | None = None,
        project_id: str | None = None,
        platform: str | None = None,
        user_id: str | None = None,
        idempotency_key: str | None = None,
    ) -> answers.ExplainAnswer:
        """Nothing is called. The arguments are checked and judged as a run would."""
        return self.ask(
            "POST",
            "/v2/oneliner/governance/explain",
            body=_said(
                {
                    "tool": tool,
                    "arguments": arguments,
                    "executor": executor,
                    "project_id": project_id,
                    "platform": platform,
                    "user_id": user_id,
                }
            ),
            idempotency_key=idempotency_key,
        )

    def simulate_rules(
        self,
        *,
        layer: answers.LayerName,
        rules: answers.RulesBody,
        scope: str | None = None,
        last: int | None = None,
        idempotency_key: str | None = None,
    ) -> answers.SimulateAnswer:
        """What the draft would have stopped that was not stopped then. Everybody may try his own user layer."""
        return self.ask(
            "POST",
            "/v2/oneliner/governance/simulate",
            body=_said({"layer": layer, "scope": scope, "rules": rules, "last": last}),
            idempotency_key=idempotency_key,
        )

    def list_layer_versions(
        self,
        *,
        limit: int | None = None,
        before: str | None = None,
        layer: answers.LayerName | None = None,
        scope: str | None = None,
    ) -> answers.ListedLayerVersion:
        """Each with what it changed. An administrator sees all; everybody else names his own user layer."""
        return self.ask(
            "GET",
            "/v2/oneliner/governance/history",
            query={"limit": limit, "before": before, "layer": layer, "scope": scope},
        )

    def diff_layer(
        self, *, layer: answers.LayerName, scope: str | None = None, since: int | None = None, until: int | None = None
    ) -> answers.LayerDiff:
        """What the later one says differently, and whether that is tighter or looser."""
        return self.ask(
            "GET",
            "/v2/oneliner/governance/diff",
            query={"layer": layer, "scope": scope, "since": since, "until": until},
        )

    def restore_layer(
        self,
        layer: str,
        *,
        version: int,
        scope: str | None = None,
        seen_version: int | None = None,
        idempotency_key: str | None = None,
    ) -> answers.LayerAnswer:
        """They become the newest version. Standing approvals stay as they are; an override is set anew instead."""
        return self.ask(
            "POST",
            f"/v2/oneliner/governance/layers/{_at(layer)}/restore",
            body=_said({"scope": scope, "version": version, "seen_version": seen_version}),
            idempotency_key=idempotency_key,
        )

    def diff_run_governance(self, run_id: str) -> answers.AgainstNowAnswer:
        """What a run like it would be promised now, field by field, and the versions of the layers then and now."""
        return self.ask("GET", f"/v2/oneliner/runs/{_at(run_id)}/governance/diff")

    def list_standing_approvals(self, *, user_id: str | None = None) -> answers.ListedStandingApprovalAnswer:
        """What was answered with "allow always", in words, with the rule that asked."""
        return self.ask("GET", "/v2/oneliner/governance/approvals", query={"user_id": user_id})

    def revoke_standing_approval(self, approval_id: str, *, user_id: str | None = None) -> None:
        """It counts no more from now on, also for runs at work."""
        self.ask("DELETE", f"/v2/oneliner/governance/approvals/{_at(approval_id)}", query={"user_id": user_id})

    def list_executors(self) -> answers.ListedExecutorAnswer:
        """The main agent first, then the specialists of this deployment, with the tools that each has at the moment."""
        return self.ask("GET", "/v2/oneliner/executors")

    def list_mcp_servers(self) -> answers.ListedMcpServerAnswer:
        """Those of the file first. The health is that of the process which answers; others have connections of their own."""
        return self.ask("GET", "/v2/oneliner/mcp/servers")

    def put_mcp_server(
        self,
        name: str,
        *,
        url: str | None = None,
        headers: Mapping[str, Any] | None = None,
        command: str | None = None,
        args: Sequence[str] | None = None,
        env: Mapping[str, Any] | None = None,
        cwd: str | None = None,
        enabled: bool | None = None,
        tools: Sequence[str] | None = None,
        read_only: Sequence[str] | None = None,
        idempotent: Sequence[str] | None = None,
        trust_hints: bool | None = None,
        repeat_after_question: bool | None = None,
        call_seconds: float | None = None,
        connect_seconds: float | None = None,
        seen_version: int | None = None,
    ) -> answers.McpServerAnswer:
        """Secrets are given as `${MCP_…}`, the name of a variable of the server's environment. Every process follows soon."""
        return self.ask(
            "PUT",
            f"/v2/oneliner/mcp/servers/{_at(name)}",
            body=_said(
                {
                    "url": url,
                    "headers": headers,
                    "command": command,
                    "args": args,
                    "env": env,
                    "cwd": cwd,
                    "enabled": enabled,
                    "tools": tools,
                    "read_only": read_only,
                    "idempotent": idempotent,
                    "trust_hints": trust_hints,
                    "repeat_after_question": repeat_after_question,
                    "call_seconds": call_seconds,
                    "connect_seconds": connect_seconds,
                    "seen_version": seen_version,
                }
            ),
        )

    def remove_mcp_server(self, name: str) -> None:
        """Its tools are gone for runs that begin later."""
        self.ask("DELETE", f"/v2/oneliner/mcp/servers/{_at(name)}")

    def list_mcp_tools(self, name: str) -> answers.ListedMcpToolAnswer:
        """With what is held to be true of them, which need not be what the server says."""
        return self.ask("GET", f"/v2/oneliner/mcp/servers/{_at(name)}/tools")

    def list_schedules(
        self, *, limit: int | None = None, before: str | None = None, project_id: str | None = None
    ) -> answers.ListedScheduleAnswer:
        """The caller's schedules; an administrator sees everybody's."""
        return self.ask(
            "GET", "/v2/oneliner/schedules", query={"limit": limit, "before": before, "project_id": project_id}
        )

    def create_schedule(
        self,
        *,
        cron: str,
        handoff: answers.HandoffRequest,
        timezone: str | None = None,
        confirmed_ahead: bool | None = None,
        idempotency_key: str | None = None,
    ) -> answers.ScheduleAnswer:
        """A run at each due time. It waits for its confirmation, unless it was confirmed ahead and the rules allow that."""
        return self.ask(
            "POST",
            "/v2/oneliner/schedules",
            body=_said({"cron": cron, "timezone": timezone, "confirmed_ahead": confirmed_ahead, "handoff": handoff}),
            idempotency_key=idempotency_key,
        )

    def list_due_times(
        self, *, cron: str, timezone: str | None = None, count: int | None = None
    ) -> answers.ListedDueTimeAnswer:
        """The next times, before a schedule is made of it. Nothing is stored."""
        return self.ask("GET", "/v2/oneliner/due-times", query={"cron": cron, "timezone": timezone, "count": count})

    def get_schedule(self, schedule_id: str) -> answers.ScheduleAnswer:
        """One schedule with what it hands over and when it is due next."""
        return self.ask("GET", f"/v2/oneliner/schedules/{_at(schedule_id)}")

    def put_schedule(
        self,
        schedule_id: str,
        *,
        cron: str,
        handoff: answers.HandoffRequest,
        timezone: str | None = None,
        confirmed_ahead: bool | None = None,
    ) -> answers.ScheduleAnswer:
        """Its owner says anew what is handed over, and when. A paused schedule stays paused; the runs it made stay as they
        are.
        """
        return self.ask(
            "PUT",
            f"/v2/oneliner/schedules/{_at(schedule_id)}",
            body=_said({"cron": cron, "timezone": timezone, "confirmed_ahead": confirmed_ahead, "handoff": handoff}),
        )

    def delete_schedule(self, schedule_id: str) -> None:
        """It is gone with its history; the runs it made stay."""
        self.ask("DELETE", f"/v2/oneliner/schedules/{_at(schedule_id)}")

    def list_fires(
        self, schedule_id: str, *, limit: int | None = None, before: int | None = None
    ) -> answers.ListedFireAnswer:
        """Newest first, each with the run it made."""
        return self.ask(
            "GET", f"/v2/oneliner/schedules/{_at(schedule_id)}/fires", query={"limit": limit, "before": before}
        )

    def pause_schedule(self, schedule_id: str, *, idempotency_key: str | None = None) -> answers.ScheduleAnswer:
        """It fires no more until it is resumed."""
        return self.ask("POST", f"/v2/oneliner/schedules/{_at(schedule_id)}/pause", idempotency_key=idempotency_key)

    def resume_schedule(self, schedule_id: str, *, idempotency_key: str | None = None) -> answers.ScheduleAnswer:
        """It fires again from now on; what was due meanwhile is not made up for."""
        return self.ask("POST", f"/v2/oneliner/schedules/{_at(schedule_id)}/resume", idempotency_key=idempotency_key)

    def list_audit(
        self,
        *,
        limit: int | None = None,
        before: str | None = None,
        actor: str | None = None,
        action: answers.Action | None = None,
        target: answers.Target | None = None,
        target_id: str | None = None,
        since: str | None = None,
        until: str | None = None,
    ) -> answers.ListedAuditAnswer:
        """Who did what to which, and when; an empty actor is the server itself. Every filter narrows."""
        return self.ask(
            "GET",
            "/v2/oneliner/audit",
            query={
                "limit": limit,
                "before": before,
                "actor": actor,
                "action": action,
                "target": target,
                "target_id": target_id,
                "since": since,
                "until": until,
            },
        )

    def list_run_audit(
        self, run_id: str, *, limit: int | None = None, before: str | None = None
    ) -> answers.ListedAuditAnswer:
        """What was done to the run and to its session, to the rules it is under until its end, and exports of its user."""
        return self.ask("GET", f"/v2/oneliner/runs/{_at(run_id)}/audit", query={"limit": limit, "before": before})

    def list_retention(self, *, limit: int | None = None, before: str | None = None) -> answers.ListedRetentionAnswer:
        """Projects without a rule keep their sessions for good."""
        return self.ask("GET", "/v2/oneliner/retention", query={"limit": limit, "before": before})

    def put_retention(self, *, keep_days: int, project_id: str | None = None) -> answers.RetentionAnswer:
        """Sessions in which nothing happened for so many days, and in which nothing is under way, are deleted."""
        return self.ask("PUT", "/v2/oneliner/retention", body=_said({"project_id": project_id, "keep_days": keep_days}))

    def remove_retention(self, *, project_id: str | None = None) -> None:
        """What was deleted already stays deleted."""
        self.ask("DELETE", "/v2/oneliner/retention", query={"project_id": project_id})

    def list_views(self) -> answers.ListedViewAnswer:
        """All of them, in the order in which they were first saved. They are the caller's alone."""
        return self.ask("GET", "/v2/oneliner/views")

    def put_view(self, *, name: str, query: str) -> answers.ViewAnswer:
        """In place of what had that name. At most 50 are kept; one more is refused (422)."""
        return self.ask("PUT", "/v2/oneliner/views", body=_said({"name": name, "query": query}))

    def remove_view(self, *, name: str) -> None:
        """One of the caller's."""
        self.ask("DELETE", "/v2/oneliner/views", query={"name": name})

    def list_webhooks(
        self, *, limit: int | None = None, before: str | None = None, project_id: str | None = None
    ) -> answers.ListedWebhookAnswer:
        """Those of one project, or all; without their secrets."""
        return self.ask(
            "GET", "/v2/oneliner/webhooks", query={"limit": limit, "before": before, "project_id": project_id}
        )

    def create_webhook(
        self,
        *,
        url: str,
        project_id: str | None,
        event_types: Sequence[str] | None = None,
        description: str | None = None,
        idempotency_key: str | None = None,
    ) -> answers.WebhookSecretAnswer:
        """The answer holds the secret that deliveries are signed with; it is told this once."""
        return self.ask(
            "POST",
            "/v2/oneliner/webhooks",
            body=_said({"url": url, "project_id": project_id, "event_types": event_types, "description": description}),
            idempotency_key=idempotency_key,
        )

    def get_webhook(self, webhook_id: str) -> answers.WebhookAnswer:
        """Whether it is enabled, and since when it has been failing."""
        return self.ask("GET", f"/v2/oneliner/webhooks/{_at(webhook_id)}")

    def change_webhook(
        self,
        webhook_id: str,
        *,
        url: str | None = None,
        event_types: Sequence[str] | None = None,
        description: str | None = None,
        enabled: bool | None = None,
    ) -> answers.WebhookAnswer:
        """While it is disabled nothing is noted for it; what was still to be sent goes out when it is enabled again."""
        return self.ask(
            "PATCH",
            f"/v2/oneliner/webhooks/{_at(webhook_id)}",
            body=_said({"url": url, "event_types": event_types, "description": description, "enabled": enabled}),
        )

    def delete_webhook(self, webhook_id: str) -> None:
        """It is gone with what was to be sent to it and with its log."""
        self.ask("DELETE", f"/v2/oneliner/webhooks/{_at(webhook_id)}")

    def rotate_webhook_secret(
        self, webhook_id: str, *, overlap_seconds: int | None = None, idempotency_key: str | None = None
    ) -> answers.WebhookSecretAnswer:
        """The answer holds the new secret, this once. Until the overlap is over, deliveries carry a signature of each."""
        return self.ask(
            "POST",
            f"/v2/oneliner/webhooks/{_at(webhook_id)}/rotate",
            body=_said({"overlap_seconds": overlap_seconds}),
            idempotency_key=idempotency_key,
        )

    def test_webhook(self, webhook_id: str, *, idempotency_key: str | None = None) -> answers.DeliveryAnswer:
        """A delivery of type `webhook.test`; read it again to see what became of it."""
        return self.ask("POST", f"/v2/oneliner/webhooks/{_at(webhook_id)}/test", idempotency_key=idempotency_key)

    def list_deliveries(
        self,
        webhook_id: str,
        *,
        limit: int | None = None,
        before: str | None = None,
        status: answers.DeliveryStatus | None = None,
    ) -> answers.ListedDeliveryAnswer:
        """What was delivered, what waits for its next attempt, and what was given up; kept for 30 days."""
        return self.ask(
            "GET",
            f"/v2/oneliner/webhooks/{_at(webhook_id)}/deliveries",
            query={"limit": limit, "before": before, "status": status},
        )

    def get_delivery(self, webhook_id: str, delivery_id: str) -> answers.DeliveryLogAnswer:
        """With the status, the time and the beginning of the answer of each attempt."""
        return self.ask("GET", f"/v2/oneliner/webhooks/{_at(webhook_id)}/deliveries/{_at(delivery_id)}")

    def redeliver(
        self, webhook_id: str, delivery_id: str, *, idempotency_key: str | None = None
    ) -> answers.DeliveryAnswer:
        """Now, whatever became of it, under the same `webhook-id` and with a full round of attempts."""
        return self.ask(
            "POST",
            f"/v2/oneliner/webhooks/{_at(webhook_id)}/deliveries/{_at(delivery_id)}/redeliver",
            idempotency_key=idempotency_key,
        )

    def get_system(self) -> answers.SystemAnswer:
        """Its version, parts, models, tools and effective settings, as the process sees them that answers. No secret is in
        it.
        """
        return self.ask("GET", "/v2/oneliner/system")

    def get_health(self) -> answers.Health:
        """Says nothing about its parts; see `/readyz`."""
        return self.ask("GET", "/healthz")

    def get_readiness(self) -> answers.Readiness:
        """200 when each part that is needed is `ok`, else 503. Without the `bus` a server still does its job."""
        return self.ask("GET", "/readyz")
