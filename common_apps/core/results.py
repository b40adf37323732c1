"""Where Celery keeps what became of tasks: in Redis, without listening for a task just because it was enqueued."""

from __future__ import annotations

from celery.backends.redis import RedisBackend


class QuietRedisBackend(RedisBackend):
    """Celery's own, but enqueueing is one command to the broker.

    Celery's subscribes to the result of each task as it is sent: with Redis away a request hung for 19 s and ended in
    a RuntimeError. Whoever waits for a result subscribes when it begins to wait.
    """

    def on_task_call(self, producer: object, task_id: str) -> None:
        """Nothing."""
