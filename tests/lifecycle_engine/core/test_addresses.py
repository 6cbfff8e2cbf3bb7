"""Lists of networks, and where a request really comes from."""

from ipaddress import ip_address

import pytest
from django.test import RequestFactory
from hypothesis import given
from hypothesis import strategies as st

from lifecycle_engine.core.addresses import (
    NetworkError,
    address_in,
    client_address,
    networks_read,
)


@pytest.mark.parametrize(
    ("given_", "kept"),
    [
        ([], []),
        (["192.0.2.1"], ["192.0.2.1"]),
        (["192.0.2.1/32", " 192.0.2.1 "], ["192.0.2.1"]),
        (["198.51.100.0/24", "192.0.2.0/25"], ["198.51.100.0/24", "192.0.2.0/25"]),
        (["2001:DB8::/32", "2001:db8:0::1"], ["2001:db8::/32", "2001:db8::1"]),
        (["::ffff:192.0.2.0/120", "::ffff:192.0.2.9"], ["192.0.2.0/24", "192.0.2.9"]),
        (["0.0.0.0/0", "::/0"], ["0.0.0.0/0", "::/0"]),
    ],
)
def test_networks_are_kept_in_one_form(given_, kept):
    assert networks_read(given_) == kept


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("", "“” is neither an IP address nor a network"),
        ("shop.example.com", "“shop.example.com” is neither"),
        ("192.0.2", "“192.0.2” is neither"),
        ("192.0.2.256", "“192.0.2.256” is neither"),
        ("192.0.2.01", "“192.0.2.01” is neither"),
        ("192.0.2.0/33", "“192.0.2.0/33” is neither"),
        ("fe80::1%eth0", "“fe80::1%eth0” is neither"),
        ("192.0.2.7/24", "“192.0.2.7/24” is no network: its first address is 192.0.2.0/24"),
    ],
)
def test_a_value_that_is_no_network_is_named(value, message):
    with pytest.raises(NetworkError, match=message):
        networks_read(["198.51.100.1", value])


def test_the_list_of_networks_ends_somewhere():
    with pytest.raises(NetworkError, match="101 networks are too many; there may be 100"):
        networks_read([f"192.0.2.{n}" for n in range(101)])


@pytest.mark.parametrize(
    ("address", "inside"),
    [
        ("192.0.2.0", True),
        ("192.0.2.127", True),
        ("192.0.2.128", False),
        ("::ffff:192.0.2.1", True),
        ("198.51.100.7", True),
        ("198.51.100.8", False),
        ("2001:db8::1", True),
        ("2001:db9::1", False),
        ("", False),
        ("unknown", False),
        ("192.0.2.1, 192.0.2.1", False),
    ],
)
def test_an_address_is_in_the_list_or_not(address, inside):
    networks = networks_read(["192.0.2.0/25", "198.51.100.7", "2001:db8::/32"])

    assert address_in(address, networks) is inside


PEER = "203.0.113.9"


@pytest.mark.parametrize(
    ("_case", "proxies", "header", "peer", "client"),
    [
        ("no proxy, no header", 0, None, PEER, PEER),
        ("no proxy: the header is an invention", 0, "192.0.2.1", PEER, PEER),
        ("one proxy", 1, "192.0.2.1", PEER, "192.0.2.1"),
        ("one proxy, spoofed before it", 1, "10.0.0.1, 192.0.2.1", PEER, "192.0.2.1"),
        ("two proxies", 2, "192.0.2.1, 10.1.1.1", PEER, "192.0.2.1"),
        ("two proxies, spoofed", 2, "10.0.0.1,10.0.0.2, 192.0.2.1,10.1.1.1", PEER, "192.0.2.1"),
        ("past the outer proxy", 2, "192.0.2.1", PEER, PEER),
        ("past all proxies", 1, None, PEER, ""),
        ("an empty header", 1, "", PEER, ""),
        ("with a port", 1, "192.0.2.1:4711", PEER, "192.0.2.1"),
        ("IPv6 with a port", 1, "[2001:db8::1]:4711", PEER, "2001:db8::1"),
        ("IPv6", 1, "2001:DB8::1", PEER, "2001:db8::1"),
        ("a zone", 0, None, "fe80::1%eth0", "fe80::1"),
        ("IPv4 on a socket for both", 0, None, "::ffff:192.0.2.1", "192.0.2.1"),
        ("the proxy could not tell", 1, "192.0.2.1, unknown", PEER, ""),
        ("a UNIX socket", 0, None, "", ""),
        ("a UNIX socket behind a proxy", 1, "192.0.2.1", "", "192.0.2.1"),
    ],
)
def test_the_client_is_whom_our_own_proxies_saw(settings, _case, proxies, header, peer, client):
    settings.TRUSTED_PROXIES = proxies
    extra = {} if header is None else {"HTTP_X_FORWARDED_FOR": header}

    assert client_address(RequestFactory().get("/", REMOTE_ADDR=peer, **extra)) == client


@given(invented=st.text(st.characters(codec="latin-1")), proxies=st.integers(1, 3))
def test_nothing_a_client_sends_changes_its_address(invented, proxies):
    # Each proxy adds whom it saw, whatever was there before.
    seen = [str(ip_address("192.0.2.1") + n) for n in range(proxies)]
    header = ", ".join([invented, *seen]) if invented else ", ".join(seen)
    request = RequestFactory().get("/", REMOTE_ADDR=PEER, HTTP_X_FORWARDED_FOR=header)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("django.conf.settings.TRUSTED_PROXIES", proxies)
        assert client_address(request) == "192.0.2.1"
