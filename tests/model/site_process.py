"""One site's real services in a process of their own: `python -m tests.model.site_process`.

In: a line of JSON, {"do": name, "at": seconds of the site's clock, ...arguments}. Out: {"said": what the step gives},
or {"crashed": failpoint}, or {"error": traceback}. A crash is a BaseException at a failpoint: nothing above it
keeps it, the connection to the database is dropped, and the next line is done as by a process that was started anew.
"""

import faulthandler
import importlib
import json
import os
import sys
import traceback
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import django

_PATIENCE_SECONDS = 300
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class SiteClock:
    """The clock of the site as the model sets it; each look at it is a millisecond later."""

    def __init__(self) -> None:
        self.at = _EPOCH

    def set(self, seconds: float) -> None:
        """From now on it is this late."""
        self.at = _EPOCH + timedelta(seconds=seconds)

    def now(self) -> datetime:
        """The present."""
        self.at += timedelta(milliseconds=1)
        return self.at


def main() -> None:
    """Serve until standard input ends."""
    django.setup()
    from django.db import connections

    from common_apps.core import clock, failpoints
    from tests.model import steps

    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the services log must not mix with the answers
    site = os.environ["DJANGO_SETTINGS_MODULE"].split("_")[0]
    # The other site's models are not installed here.
    own = importlib.import_module(f"tests.model.{site}_steps")
    known: dict[str, Callable[..., Any]] = {**steps.STEPS, **own.STEPS}
    ours = SiteClock()
    clock.now = ours.now
    for line in sys.stdin:
        told = json.loads(line)
        ours.set(told.pop("at"))
        # One that hangs says where, and ends.
        faulthandler.dump_traceback_later(_PATIENCE_SECONDS, exit=True)
        try:
            said = {"said": known[told.pop("do")](**told)}
        except failpoints.Crash as crash:
            connections.close_all()
            said = {"crashed": str(crash)}
        except Exception:
            connections.close_all()
            said = {"error": traceback.format_exc()}
        faulthandler.cancel_dump_traceback_later()
        failpoints.disarm()
        print(json.dumps(said), file=answers, flush=True)


if __name__ == "__main__":
    main()
