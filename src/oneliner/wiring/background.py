"""What goes on beside the requests: leases, sweeps, housekeeping, webhooks."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from oneliner.adapters.data_dir import prepared
from oneliner.adapters.jwt_tokens import check_secret, load_or_create_secret
from oneliner.adapters.tools.outbound import guarded_session
from oneliner.adapters.webhook_courier import HttpCourier
from oneliner.adapters.webhook_secrets import SealedSecrets
from oneliner.app import deliveries, erasure, purging, recovery, retention
from oneliner.app.sending import Sender
from oneliner.app.watching import WatchedCourier
from oneliner.app.webhooks import WebhookTerms
from oneliner.domain.address import AddressRules
from oneliner.domain.errors import Unavailable
from oneliner.domain.webhook import LOG_LIFE_MS
from oneliner.wiring.tasks import keep_doing

if TYPE_CHECKING:
    from contextlib import AsyncExitStack

    from oneliner.app.ports import Database
    from oneliner.settings import Settings
    from oneliner.wiring.parts import Parts

log = logging.getLogger("oneliner.housekeeping")

HOUSEKEEPING_SECONDS = 600.0
DAY_MS = 86_400_000
WEBHOOK_KEY_FILE = "webhook.key"


def start_background(stack: AsyncExitStack, parts: Parts, settings: Settings) -> None:
    """What every process does that executes runs: renew leases, send on what was lost, drop what is over."""
    keep_doing(stack, parts.worker.keep_leases())
    keep_doing(stack, parts.worker.keep_sweeping(parts.queue))
    keep_doing(stack, _keep_house(parts.database, settings))


def webhooks_for(settings: Settings) -> WebhookTerms:
    """What webhooks are sealed with, and where they may go. Raises Invalid: the key that the settings name is weak."""
    key = settings.webhook_key
    if key:
        check_secret(key)
    else:
        key = load_or_create_secret(prepared(settings.data_dir), WEBHOOK_KEY_FILE)
    return WebhookTerms(SealedSecrets(key), AddressRules(settings.webhook_networks))


def start_sending(stack: AsyncExitStack, parts: Parts, webhooks: WebhookTerms) -> None:
    """Only servers send: a worker need not be let out into the network."""
    courier = HttpCourier(lambda: guarded_session(webhooks.rules.networks))
    sender = Sender(parts.database, WatchedCourier(courier, parts.telemetry), webhooks.secrets, parts.bell)
    keep_doing(stack, sender.keep_sending())


async def _keep_house(database: Database, settings: Settings) -> None:
    while True:
        try:
            await recovery.forget_old_keys(database)
            await retention.delete_expired(database)
            await erasure.complete_all(database)
            await database.write(lambda tx: deliveries.forget_old(tx, tx.now_ms - LOG_LIFE_MS))
            await purging.purge_deleted(database, after_ms=settings.purge_after_days * DAY_MS)
        except Unavailable as error:
            log.info("housekeeping.put_off", extra={"error": error.message})
        except Exception:
            # One row that cannot be dealt with must not keep everything for ever that was to go.
            log.exception("housekeeping.broke")
        await asyncio.sleep(HOUSEKEEPING_SECONDS)
