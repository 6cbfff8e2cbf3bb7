"""Where a request comes from, and lists of networks."""

from collections.abc import Iterable, Sequence
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)

from django.conf import settings
from django.http import HttpRequest
from django.utils.translation import gettext as _

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

#: So that looking through the list stays quick.
NETWORKS_LIMIT = 100

_MAPPED_BITS = 96


class NetworkError(ValueError):
    """A list of networks has something else in it; the message names it."""


def networks_read(values: Iterable[str]) -> list[str]:
    """Addresses and CIDR networks as they are kept: without doubles, in the given order.

    Raises:
        NetworkError: a value is neither, or there are too many.
    """
    found = list(dict.fromkeys(_network_shown(_network_read(value)) for value in values))
    if len(found) > NETWORKS_LIMIT:
        raise NetworkError(
            _("%(count)d networks are too many; there may be %(limit)d.")
            % {"count": len(found), "limit": NETWORKS_LIMIT}
        )
    return found


def address_in(address: str, networks: Sequence[str]) -> bool:
    """Whether the address lies in one of the networks; what is no address lies in none."""
    found = _address_read(address)
    return found is not None and any(found in ip_network(network) for network in networks)


def client_address(request: HttpRequest) -> str:
    """The address of the client, or "" where it can't be told.

    ``X-Forwarded-For`` counts only as far as our own proxies wrote it: with
    ``settings.TRUSTED_PROXIES`` proxies that is its last so many entries, and the first of them is
    whom the outermost proxy saw. All before it is the client's own invention. A header with fewer
    entries didn't come through all proxies and isn't believed at all.
    """
    proxies: int = settings.TRUSTED_PROXIES
    seen = str(request.META.get("REMOTE_ADDR", ""))
    if proxies:
        entries = str(request.META.get("HTTP_X_FORWARDED_FOR", "")).split(",")
        if len(entries) >= proxies:
            seen = entries[-proxies]
    address = _address_read(seen)
    return "" if address is None else str(address)


def _network_read(value: str) -> Network:
    text = value.strip()
    try:
        network = ip_network(_zoneless(text))
    except ValueError:
        raise NetworkError(_network_problem(text)) from None
    if isinstance(network, IPv6Network):
        mapped = network.network_address.ipv4_mapped
        if mapped is not None and network.prefixlen >= _MAPPED_BITS:
            # Clients of a socket for both versions are compared as IPv4.
            return IPv4Network((mapped, network.prefixlen - _MAPPED_BITS))
    return network


def _network_problem(text: str) -> str:
    try:
        meant = ip_network(_zoneless(text), strict=False)
    except ValueError:
        return _("“%(value)s” is neither an IP address nor a network such as 192.0.2.0/24.") % {
            "value": text
        }
    return _("“%(value)s” is no network: its first address is %(network)s.") % {
        "value": text,
        "network": meant,
    }


def _zoneless(text: str) -> str:
    # The name of an interface behind an address means something on its own machine only.
    if "%" in text:
        raise ValueError(text)
    return text


def _network_shown(network: Network) -> str:
    single = network.prefixlen == network.max_prefixlen
    return str(network.network_address if single else network)


def _address_read(text: str) -> Address | None:
    text = text.strip()
    # Some proxies add the port: 192.0.2.1:4711, [2001:db8::1]:4711.
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text.partition("%")[0])
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
