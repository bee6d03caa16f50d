"""The models that the settings name, with their prices; the demo model is always there."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from oneliner.adapters.models.demo import DemoModel
from oneliner.adapters.models.registry import ConfiguredModels
from oneliner.domain.errors import Invalid

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextlib import AsyncExitStack

    from oneliner.settings import Settings


async def open_models(settings: Settings, stack: AsyncExitStack) -> ConfiguredModels:
    """The models, and the demo model behind them. Raises Invalid: the price file cannot be read."""
    demo = DemoModel()
    await demo.start()
    stack.push_async_callback(demo.stop)
    models = ConfiguredModels(
        default=settings.model,
        fallbacks=settings.model_fallbacks,
        base_url=settings.model_base_url,
        api_key=settings.model_api_key,
        environment=os.environ,
        prices=_price_overrides(settings),
        demo_base_url=demo.base_url,
    )
    stack.push_async_callback(models.close)
    return models


def _price_overrides(settings: Settings) -> Mapping[str, Mapping[str, str]]:
    if settings.prices is None:
        return {}
    try:
        return json.loads(settings.prices.read_text())
    except (OSError, ValueError) as error:
        raise Invalid(f"the price file {str(settings.prices)!r} cannot be read: {error}", setting="prices") from error
