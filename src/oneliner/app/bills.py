"""Model calls as messages, and their bills.

A message is begun, in state ``streaming``, before its model is called, and settled once: complete with what the
provider charged, or interrupted with what it will have charged. So a call that was paid for is never missing from the
sums, whichever process died when.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from oneliner.app import budgets
from oneliner.domain.budget import CounterKey, Held
from oneliner.domain.message import Message, MessageState, Role
from oneliner.domain.usage import Price, Totals, Usage, cost_nanos, estimate_tokens, usd

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from oneliner.app.ports import Transaction
    from oneliner.domain.message import AskedCall, Purpose
    from oneliner.domain.run import Run


@dataclass(frozen=True, slots=True)
class Settled:
    """A message that got its bill, as events tell it. *last_position* is that of the session's newest message."""

    bill: Mapping[str, object]
    last_position: int


def begin(
    tx: Transaction,
    run: Run,
    *,
    executor: str,
    model: str,
    price: Price | None,
    purpose: Purpose,
    estimated_input: int,
    held: Held | None = None,
    scope: str = "",
    place: str = "",
) -> Message:
    """Begin the message for a call of *model*. *estimated_input* is about how many tokens are sent, *held* what is
    reserved for it; *scope* and *place* say for which work, see ``domain.message``.
    """
    message = Message(
        id=tx.new_id(),
        session_id=run.session_id,
        run_id=run.id,
        user_id=run.user_id,
        project_id=run.project_id,
        position=tx.sessions.grow(run.session_id, 1, Totals()),
        role=Role.ASSISTANT,
        state=MessageState.STREAMING,
        purpose=purpose,
        content="",
        model=model,
        executor=executor,
        created_at=tx.now_ms,
        reserved_nanos=0 if held is None else held.nanos,
        scope=scope,
        place=place,
        details={
            "estimated_input": estimated_input,
            "price": _price_to_json(price),
            "fence": run.fence,
            **({} if held is None else {"budgets": [[key.budget, key.of, key.day] for key in held.keys]}),
        },
    )
    tx.messages.add(message)
    return message


def settle(
    tx: Transaction,
    run: Run,
    message_id: str,
    state: MessageState,
    text: str,
    tool_calls: Sequence[AskedCall],
    usage: Usage,
    price: Price | None,
    held: Held | None,
    details: Mapping[str, object] | None = None,
) -> Settled | None:
    """Give a begun message its text and its bill, add it to the sums of its run and session, and settle what it *held*.

    None, and nothing written, when somebody has settled the message before.
    """
    cost = cost_nanos(usage, price)
    source = price.source if price else ""
    if not tx.messages.settle(message_id, state, text, tool_calls, usage, cost, source, details or {}):
        return None
    totals = Totals(
        usage.input_tokens,
        usage.output_tokens,
        usage.cached_tokens,
        cost or 0,
        int(cost is None),
        int(usage.estimated),
    )
    tx.runs.add_usage(run.id, totals)
    if held is not None:
        budgets.settle(tx, held, cost or 0)
    last_position = tx.sessions.grow(run.session_id, 0, totals)
    bill = {
        "input_tokens": usage.input_tokens,
        "output_tokens": usage.output_tokens,
        "cached_tokens": usage.cached_tokens,
        "estimated": usage.estimated,
        "cost": None if cost is None else usd(cost),
    }
    return Settled(bill, last_position)


def settle_lost(tx: Transaction, run: Run, message: Message, text: str = "") -> bool:
    """Close a call whose answer nobody will get any more: it is charged by estimate, for what was sent and for the
    *text* that came. False when somebody has settled it before.
    """
    sent = message.details.get("estimated_input")
    usage = Usage(sent if isinstance(sent, int) else 0, estimate_tokens(text), 0, estimated=True)
    price = _price_from_json(message.details.get("price"))
    return settle(tx, run, message.id, MessageState.INTERRUPTED, text, (), usage, price, _held_of(message)) is not None


def settle_unsent(tx: Transaction, run: Run, message: Message) -> None:
    """Close a begun message whose call was refused before it cost anything."""
    free = Price(0, 0, 0, "not charged")
    settle(tx, run, message.id, MessageState.INTERRUPTED, "", (), Usage(), free, _held_of(message))


def _held_of(message: Message) -> Held | None:
    match message.details.get("budgets"):
        case [*keys]:
            return Held(message.reserved_nanos, tuple(CounterKey(*key) for key in keys))
        case _:
            return None


def _price_to_json(price: Price | None) -> list[object] | None:
    return None if price is None else [price.input_picos, price.output_picos, price.cached_picos, price.source]


def _price_from_json(data: object) -> Price | None:
    match data:
        case [int(tokens_in), int(tokens_out), int(cached), str(source)]:
            return Price(tokens_in, tokens_out, cached, source)
        case _:
            return None
