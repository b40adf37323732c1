"""Who is asking: the client's address, the same for limits, lock-out and audit."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

from django.conf import settings
from django.http import HttpRequest


def is_listed(address: str, listed: list[str]) -> bool:
    """Whether the address is, or lies within, one of the listed addresses or networks."""
    try:
        asked = ip_address(address)
    except ValueError:
        return False
    return any(asked in ip_network(item, strict=False) for item in listed)


def client_address(request: HttpRequest) -> str | None:
    """The socket's address; behind a trusted proxy, the last address in X-Forwarded-For that is no proxy of ours.

    Read from the right: what stands left of our own proxies was typed by the client and proves nothing.
    """
    socket_address = request.META.get("REMOTE_ADDR") or None
    proxies = settings.TRUSTED_PROXIES
    if socket_address is None or not is_listed(socket_address, proxies):
        return socket_address
    for hop in reversed(request.META.get("HTTP_X_FORWARDED_FOR", "").split(",")):
        hop = hop.strip()
        try:
            ip_address(hop)
        except ValueError:
            break
        if not is_listed(hop, proxies):
            return hop
    return socket_address
