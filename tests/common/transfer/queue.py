"""What the web has asked of the host that has the folders."""

from __future__ import annotations

from typing import Any

from celery import current_app


def take_queued() -> list[dict[str, Any]]:
    """The messages that wait on the queue `transfer`, taken off it: task, id, and the arguments by name."""
    found = []
    with current_app.connection_for_read() as connection:
        queue = connection.SimpleQueue("transfer")
        while True:
            try:
                message = queue.get(block=False)
            except queue.Empty:
                return found
            message.ack()
            _, named, _ = message.payload
            found.append({"task": message.headers["task"], "id": message.headers["id"], "named": named})
