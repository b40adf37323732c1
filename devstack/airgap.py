"""`make airgap`: the demo's round trip with each site in a network namespace of its own. The gap is real."""

from devstack import demo, namespaces
from devstack.errors import DevstackError
from devstack.home import DEFAULT_PORTS, Home, Site


def main() -> int:
    """Run it; 1 with the reason where namespaces can't be had, or when anything is lost or wrong."""
    return demo.run("airgap", DEFAULT_PORTS, isolated=True, check=prove_gap)


def prove_gap(home: Home) -> None:
    """Each site sees loopback alone, serves itself, and can't be reached from the other site or from here.

    Raises DevstackError when the gap has a hole.
    """
    for site in home.sites:
        seen = site.call(namespaces.network_interfaces)
        if seen != ["lo"]:
            raise DevstackError(f"The {site.name} site sees the interfaces {', '.join(seen)}: that is no gap.")
        peer = home.other(site)
        if not site.call(namespaces.reaches, site.port):
            raise DevstackError(f"The {site.name} site doesn't answer inside its own namespace.")
        if peer.call(namespaces.reaches, site.port):
            raise DevstackError(f"The {peer.name} site can reach the {site.name} site's port {site.port}.")
        if site.call(_lists, peer):
            raise DevstackError(f"The {site.name} site can read the folder of the {peer.name} site.")
        print(
            f"  {site.name}: interfaces {', '.join(seen)}; reached by itself alone; the other's folder is empty to it"
        )


def _lists(peer: Site) -> list[str]:
    return sorted(path.name for path in peer.home.iterdir())
