"""One site's services in a process of their own, told by lines of JSON what to do: `python -m bench.site_process`.

In: {"do": name, ...arguments}. Out: {"ms": how long it took, ...}. What is timed is the service alone.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import django

Step = Callable[..., dict[str, Any]]


def main() -> None:
    """Serve until standard input ends."""
    django.setup()
    from bench import request_steps, response_steps

    site = os.environ["DJANGO_SETTINGS_MODULE"].split("_")[0]
    steps: dict[str, Step] = {
        "export": export,
        "import": take_in,
        **(request_steps.STEPS if site == "request" else response_steps.STEPS),
    }
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what the services log must not mix with the answers
    for line in sys.stdin:
        told = json.loads(line)
        step = steps[told.pop("do")]
        began = time.perf_counter()
        said = step(**told)
        print(json.dumps({"ms": (time.perf_counter() - began) * 1000, **said}), file=answers, flush=True)


def export(stream: str, full: bool = False) -> dict[str, Any]:
    """Write the stream's bundles: their paths."""
    from common_apps.audit.actors import SYSTEM
    from common_apps.transfer.models import ExportBatch
    from common_apps.transfer.selectors import locate_bundle
    from common_apps.transfer.services.export import export_stream

    began = time.perf_counter()
    outcomes = export_stream(stream=stream, actor=SYSTEM, full=full)
    taken = (time.perf_counter() - began) * 1000
    ids = [UUID(str(outcome.batch_id)) for outcome in outcomes]
    paths = [str(locate_bundle(batch)) for batch in ExportBatch.objects.filter(id__in=ids)]
    return {"ms": taken, "paths": paths}


def take_in(paths: list[str]) -> dict[str, Any]:
    """Import the files, each to be completed."""
    from common_apps.audit.actors import SYSTEM
    from common_apps.transfer.services.imports import import_path

    began = time.perf_counter()
    outcomes = [import_path(path=Path(path), actor=SYSTEM) for path in paths]
    taken = (time.perf_counter() - began) * 1000
    told = [str(outcome.outcome) for outcome in outcomes]
    if told != ["completed"] * len(paths):
        raise AssertionError(told)
    return {"ms": taken}


if __name__ == "__main__":
    main()
