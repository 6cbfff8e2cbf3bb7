"""Background work on the outbox."""

import os
import socket

from celery import shared_task
from django.utils import timezone

from lifecycle_engine.core.clock import business_now
from lifecycle_engine.core.jobs import enqueue, job_run
from lifecycle_engine.messaging import opt_in, selectors, services

#: How many messages a worker claims at once. Small, so that its lease is never in danger.
_CLAIM = 50
#: After so many messages a worker lets other work through before it goes on.
_TURN = 20_000


@shared_task(name="messaging.deliver")
def deliver() -> None:
    """Send what is due until the outbox is empty."""
    if not selectors.outbox_due():
        return
    worker = f"{socket.gethostname()}:{os.getpid()}"
    sent = 0
    with job_run("messaging.deliver", worker) as job:
        while sent < _TURN:
            claimed = services.outbox_deliver(worker=worker, limit=_CLAIM, at=business_now())
            if not claimed:
                break
            sent += claimed
            job.progress(sent, unit="messages")
        job.result(messages=sent)
    if selectors.outbox_due():
        enqueue("messaging.deliver")


@shared_task(name="messaging.recover")
def recover() -> None:
    """Take lost leases back, and wake a worker up when something waits, whatever woke it before."""
    services.outbox_recover()
    if selectors.outbox_due():
        enqueue("messaging.deliver")


@shared_task(name="messaging.sweep")
def sweep() -> None:
    """Delete double opt-ins that nobody confirmed."""
    opt_in.opt_ins_sweep(at=timezone.now())
