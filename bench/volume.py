"""100,000 requests across the gap in bundles of 500, against the database's bare work on the same rows.

Before each run of either side its table is emptied, filled and vacuumed alike. Three runs, since each takes half a
minute on two cores.
"""

from typing import Any

from bench.cycle import LONG_RUNS, Driver, drive
from bench.measure import Ratio
from devstack.home import Home

COUNT = 100_000


def run(home: Home) -> list[Ratio]:
    """Export, then import of what was exported."""
    exports: dict[str, list[float]] = {"ours": [], "batches": [], "single": []}
    imports: dict[str, list[float]] = {"ours": [], "batches": [], "single": []}
    with drive(home.request) as request, drive(home.response) as response:
        for turn in range(LONG_RUNS):
            warm_up = turn == 0
            measured = _export(request, warm_up)
            paths = measured.pop("paths")
            for name, rate in measured.items():
                exports[name].append(rate)
            for name, rate in _import(response, paths).items():
                imports[name].append(rate)
            response.do("forget_requests")
            request.do("forget_requests")
    return [
        _ratio(
            f"export {COUNT:,} requests in 500-record bundles",
            "claim + COPY TO + status UPDATE of the same rows, 500 a transaction",
            exports,
        ),
        _ratio(
            f"import {COUNT:,} requests in 500-record bundles, with every check",
            "COPY of the same rows into the same table with its indexes, 500 a transaction",
            imports,
        ),
    ]


def _export(request: Driver, warm_up: bool) -> dict[str, Any]:
    if warm_up:
        request.do("fill_requests", count=1000)
        request.do("export", stream="requests")
    figures: dict[str, Any] = {}
    for name, each in (("batches", 500), ("single", COUNT)):
        request.do("fill_requests", count=COUNT)
        figures[name] = _rate(request.do("reference_exports", count=COUNT, each=each))
    request.do("fill_requests", count=COUNT)
    out = request.do("export", stream="requests")
    return {"ours": _rate(out), "paths": out["paths"], **figures}


def _import(response: Driver, paths: list[str]) -> dict[str, float]:
    response.do("forget_requests")
    figures = {"ours": _rate(response.do("import", paths=paths))}
    response.do("keep_copy")
    for name, each in (("batches", 500), ("single", COUNT)):
        figures[name] = _rate(response.do("reference_imports", count=COUNT, each=each))
    return figures


def _rate(said: dict[str, Any]) -> float:
    return COUNT / said["ms"] * 1000


def _ratio(what: str, reference_is: str, figures: dict[str, list[float]]) -> Ratio:
    whole = Ratio(what, "", "", figures["ours"], figures["single"])
    return Ratio(
        what=what,
        unit="records/s",
        reference_is=reference_is,
        ours=figures["ours"],
        reference=figures["batches"],
        target=">= 0.5",
        limit=0.5,
        notes={"to the same in one transaction": f"{whole.ratio:.2f}"},
    )
