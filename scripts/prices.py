"""Writes the table of prices and context windows from the two that are kept in public: run it to refresh, review the diff, commit.

    uv run --with litellm --with genai-prices python scripts/prices.py

LiteLLM's table comes first, because its names are our names; models that only genai-prices knows fill the gaps. A model
whose prices are all zero is left out (there, zero means free, by subscription or not known alike) unless its name says
that it is free.
"""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from decimal import Decimal
from importlib import metadata
from importlib.util import find_spec
from pathlib import Path

from genai_prices.data import providers
from genai_prices.types import ModelInfo, TieredPrices

TARGET = Path(__file__).parent.parent / "src/oneliner/adapters/models/prices.tsv"
MODES = {"chat", "completion", "responses"}
PICOS_PER_USD = 10**12
TOKENS_PER_QUOTE = 10**6  # genai-prices quotes a million tokens

# What LiteLLM calls a provider in its table where that is not the first part of a model's name.
PREFIXES = {
    "bedrock_converse": "bedrock",
    "cohere_chat": "cohere",
    "text-completion-openai": "openai",
    "vertex_ai-anthropic_models": "vertex_ai",
}
# What genai-prices calls a provider, where LiteLLM calls it something else.
GENAI_PREFIXES = {
    "google": "gemini",
    "x-ai": "xai",
    "together": "together_ai",
    "fireworks": "fireworks_ai",
    "aws": "bedrock",
    "moonshotai": "moonshot",
}

#: Pico-USD per token of input, cached input and output; and how many tokens a call may send (0: not known).
Row = tuple[int, int, int, int]


def from_litellm() -> dict[str, Row]:
    """Rows by model name."""
    spec = find_spec("litellm")  # found, not imported: its import takes seconds and asks a web site for newer prices
    assert spec is not None
    assert spec.origin is not None
    text = Path(spec.origin).with_name("model_prices_and_context_window_backup.json").read_text("utf-8")
    rows: dict[str, Row] = {}
    for name, entry in json.loads(text, parse_float=Decimal, parse_int=Decimal).items():
        if entry.get("mode") not in MODES or entry.get("input_cost_per_token") is None:
            continue
        provider = entry["litellm_provider"]
        prefix = PREFIXES.get(provider, "vertex_ai" if provider.startswith("vertex_ai") else provider)
        cost = entry["input_cost_per_token"]
        cached, output = entry.get("cache_read_input_token_cost", cost), entry.get("output_cost_per_token", 0)
        full_name = name if name.startswith(f"{prefix}/") else f"{prefix}/{name}"
        rows[full_name] = (_whole(cost), _whole(cached), _whole(output), _window(entry))
    return rows


def _window(entry: dict[str, object]) -> int:
    tokens = entry.get("max_input_tokens") or 0
    return int(tokens) if isinstance(tokens, Decimal) else 0


def from_genai() -> dict[str, Row]:
    """Rows by model name, in LiteLLM's words."""
    rows: dict[str, Row] = {}
    for provider in providers:
        prefix = GENAI_PREFIXES.get(provider.id, provider.id)
        for model in provider.models:
            if row := _genai_row(model):
                rows[f"{prefix}/{model.id}"] = row
    return rows


def _whole(usd_per_token: Decimal | None) -> int:
    """USD per token in pico-USD; None is what the table says for nothing."""
    return int(((usd_per_token or Decimal(0)) * PICOS_PER_USD).to_integral_value())


def _genai_row(model: ModelInfo) -> Row | None:
    prices = model.get_prices(datetime.now(UTC))
    cost = _picos(prices.input_mtok)
    if cost is None:
        return None
    cached = _picos(prices.cache_read_mtok)
    return cost, cost if cached is None else cached, _picos(prices.output_mtok) or 0, model.context_window or 0


def _picos(figure: Decimal | TieredPrices | None) -> int | None:
    """The price of the first tier, as the other table has it."""
    base = figure.base if isinstance(figure, TieredPrices) else figure
    return None if base is None else int((base * PICOS_PER_USD / TOKENS_PER_QUOTE).to_integral_value())


def main() -> None:
    """Write the table."""
    rows = from_genai() | from_litellm()
    kept = {
        name.lower(): row
        for name, row in sorted(rows.items())
        if "\t" not in name and (any(row[:3]) or name.endswith(":free"))
    }
    version = f"litellm {metadata.version('litellm')}, genai-prices {metadata.version('genai-prices')}"
    lines = [f"# {version}; name, pico-USD per token: input, cached input, output; tokens a call may send"]
    lines += ["\t".join((name, *map(str, row))) for name, row in sorted(kept.items())]
    TARGET.write_text("\n".join(lines) + "\n", encoding="utf-8")
    sys.stdout.write(f"{len(kept)} models, {TARGET.stat().st_size} bytes, from {version}\n")


if __name__ == "__main__":
    main()
