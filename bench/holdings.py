"""Holdings that list 200,000 bundles: written by one site and heeded by the other, against COPY of as many ids."""

from bench.cycle import drive
from bench.measure import RUNS, Ratio
from devstack.home import Home

BUNDLES = 200_000


def run(home: Home) -> list[Ratio]:
    """The milliseconds of both sites against the reference's. What the list names is confirmed already, as on every day
    but the first.
    """
    ours: list[float] = []
    reference: list[float] = []
    parts: dict[str, list[float]] = {"write": [], "heed": []}
    with drive(home.request) as request, drive(home.response) as response:
        request.do("fill_sent", count=BUNDLES)
        response.do("fill_met", count=BUNDLES)
        for turn in range(RUNS + 1):
            written = response.do("export", stream="holdings", full=True)
            heeded = request.do("import", paths=written["paths"])
            copied = response.do("reference_ids_out")
            entered = request.do("reference_ids_in", count=BUNDLES)
            if turn == 0:  # a warm-up
                continue
            ours.append(written["ms"] + heeded["ms"])
            reference.append(copied["ms"] + entered["ms"])
            parts["write"].append(written["ms"])
            parts["heed"].append(heeded["ms"])
        request.do("forget_sent")
        response.do("forget_requests")
    medians = ", ".join(f"{name} {sorted(taken)[len(taken) // 2]:.0f} ms" for name, taken in parts.items())
    return [
        Ratio(
            what=f"write and heed holdings that list {BUNDLES:,} bundles",
            unit="ms",
            reference_is="COPY of the ids out, and into a temporary table",
            ours=ours,
            reference=reference,
            target="<= 4",
            limit=4.0,
            at_least=False,
            notes={"parts": medians},
        )
    ]
