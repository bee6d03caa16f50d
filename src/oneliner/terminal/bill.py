"""A run's last line: how it ended, how long it took, and what it cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from oneliner.terminal.durations import spoken

if TYPE_CHECKING:
    from collections.abc import Mapping


def cost_of(usage: Mapping[str, Any]) -> str:
    """The cost in words: ``$0.000123``, with what is to be known about it."""
    cost = usage.get("cost")
    if cost is None:
        return "cost unknown (no price for the model)"
    unpriced = usage.get("unpriced_messages")
    lower = "at least " if unpriced else ""
    return f"cost {lower}${cost}" + (" (estimated)" if usage.get("estimated") else "")


def last_line(run: Mapping[str, Any], seconds: float | None) -> str:
    """``done in 3.2 s · 120 tokens in, 40 out · cost $0.000042``."""
    usage: Mapping[str, Any] = run.get("usage") or {}
    tokens = f"{usage.get('input_tokens', 0):,} tokens in, {usage.get('output_tokens', 0):,} out"
    took = "" if seconds is None else f" in {spoken(seconds)}"
    return f"{run['run_status']}{took} · {tokens} · {cost_of(usage)}"
