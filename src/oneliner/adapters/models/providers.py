"""Who is asked for a model, by the first part of its name: addresses and the usual names of key variables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Provider:
    """An endpoint that speaks the OpenAI format. ``address_variable`` may name another one than ``base_url``."""

    base_url: str
    key_variable: str = ""
    address_variable: str = ""
    key_required: bool = True
    length_field: str = "max_tokens"


DIRECT: Mapping[str, Provider] = {
    "openai": Provider(
        "https://api.openai.com/v1", "OPENAI_API_KEY", "OPENAI_BASE_URL", length_field="max_completion_tokens"
    ),
    "ollama": Provider("http://127.0.0.1:11434/v1", "OLLAMA_API_KEY", "OLLAMA_API_BASE", key_required=False),
    "openrouter": Provider("https://openrouter.ai/api/v1", "OPENROUTER_API_KEY", "OPENROUTER_API_BASE"),
    "groq": Provider("https://api.groq.com/openai/v1", "GROQ_API_KEY", "GROQ_API_BASE"),
    "deepseek": Provider("https://api.deepseek.com/v1", "DEEPSEEK_API_KEY", "DEEPSEEK_API_BASE"),
    "mistral": Provider("https://api.mistral.ai/v1", "MISTRAL_API_KEY", "MISTRAL_API_BASE"),
    "together_ai": Provider("https://api.together.xyz/v1", "TOGETHERAI_API_KEY", "TOGETHER_AI_API_BASE"),
    "vllm": Provider("http://127.0.0.1:8000/v1", "HOSTED_VLLM_API_KEY", "HOSTED_VLLM_API_BASE", key_required=False),
    "hosted_vllm": Provider(
        "http://127.0.0.1:8000/v1", "HOSTED_VLLM_API_KEY", "HOSTED_VLLM_API_BASE", key_required=False
    ),
}

# Variables that go by several names; the first is the one a message tells to set.
ALIASES: Mapping[str, tuple[str, ...]] = {
    "OPENAI_BASE_URL": ("OPENAI_BASE_URL", "OPENAI_API_BASE"),
    "TOGETHERAI_API_KEY": ("TOGETHERAI_API_KEY", "TOGETHER_API_KEY", "TOGETHER_AI_API_KEY"),
    "GEMINI_API_KEY": ("GEMINI_API_KEY", "GOOGLE_API_KEY"),
    "OLLAMA_API_BASE": ("OLLAMA_API_BASE", "OLLAMA_BASE_URL", "OLLAMA_HOST"),
}

# Providers behind LiteLLM whose one key can be checked before the call, so that the message names the variable.
KEYED: Mapping[str, str] = {
    "anthropic": "ANTHROPIC_API_KEY",
    "gemini": "GEMINI_API_KEY",
    "xai": "XAI_API_KEY",
    "cohere": "COHERE_API_KEY",
    "perplexity": "PERPLEXITYAI_API_KEY",
    "fireworks_ai": "FIREWORKS_AI_API_KEY",
}


def variable(environment: Mapping[str, str], name: str) -> str:
    """The value of *name* or of one of its aliases; empty when none is set."""
    return next((value for alias in ALIASES.get(name, (name,)) if (value := environment.get(alias, "").strip())), "")


def openai_root(address: str) -> str:
    """An address of an Ollama server, with or without scheme and ``/v1``, as its OpenAI root."""
    root = address if "://" in address else f"http://{address}"
    root = root.rstrip("/")
    return root if root.endswith("/v1") else root + "/v1"
