"""Images through CLIP_IMAGE_PROXY: what goes through it, what does not, and who is told what."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
from certificates import PICTURES, authority
from forward_proxy import NAME, PASSWORD, ForwardProxy
from image_host import ImageHost, body, dripping, redirect, status

from ls_backend.addresses import proxy_from_env
from ls_backend.errors import ImageError
from ls_backend.images.fetch import Limits, fetch

LIMITS = Limits(seconds=20, max_bytes=1000)
WHO = f"{NAME}:{quote(PASSWORD)}"


def get(
    url: str, address: str, who: str = WHO, limits: Limits = LIMITS, **options: object
) -> bytes:
    proxy = proxy_from_env({"CLIP_IMAGE_PROXY": f"http://{who}@{address}"})
    given = {"trusted": lambda _: False, "headers": lambda *_: {}, **options}
    return fetch(url, limits, proxy=proxy, **given)  # type: ignore[arg-type]


def refusal(url: str, address: str, **options: object) -> ImageError:
    with pytest.raises(ImageError) as error:
        get(url, address, **options)  # type: ignore[arg-type]
    assert error.value.hint
    assert PASSWORD not in str(error.value) + error.value.hint
    return error.value


@pytest.fixture
def proxy(host: ImageHost) -> Iterator[ForwardProxy]:
    host.routes["/a.png"] = body(b"pixels")
    with ForwardProxy(host) as proxy:
        yield proxy


def test_a_name_that_only_the_proxy_knows_is_read(host: ImageHost, proxy: ForwardProxy) -> None:
    assert get(f"http://{PICTURES}/a.png", proxy.address) == b"pixels"

    assert proxy.asked == [("GET", f"http://{PICTURES}/a.png")]
    assert host.asked[0].host == PICTURES


def test_https_is_a_tunnel_and_the_certificate_is_that_of_the_image_s_host(tmp_path: Path) -> None:
    ours = authority(tmp_path)
    with ImageHost(ours.server) as host, ForwardProxy(host) as proxy:
        host.routes["/a.png"] = body(b"pixels")

        assert get(f"https://{PICTURES}/a.png", proxy.address, ca_bundle=ours.pem) == b"pixels"
        untrusted = refusal(f"https://{PICTURES}/a.png", proxy.address)

    assert proxy.asked[0] == ("CONNECT", f"{PICTURES}:443")
    assert untrusted.code == "tls"
    assert host.asked[0].path == "/a.png"


def test_a_trusted_host_is_asked_directly(host: ImageHost, proxy: ForwardProxy) -> None:
    assert get(f"{host.url}/a.png", proxy.address, trusted=lambda _: True) == b"pixels"

    assert proxy.asked == []


@pytest.mark.parametrize(
    "name", ["127.0.0.1", "0x7f.1", "2130706433", "[::ffff:10.0.0.1]", "[::1]"]
)
def test_no_private_address_is_asked_of_the_proxy(proxy: ForwardProxy, name: str) -> None:
    assert refusal(f"http://{name}/a.png", proxy.address).code == "private_address"

    assert proxy.asked == []


def test_nor_where_a_redirect_leads_to_one(host: ImageHost, proxy: ForwardProxy) -> None:
    host.routes["/away.png"] = redirect("http://169.254.169.254/latest")

    assert refusal(f"http://{PICTURES}/away.png", proxy.address).code == "private_address"

    assert len(proxy.asked) == 1


def test_a_proxy_that_is_not_there_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        address = f"127.0.0.1:{closed.getsockname()[1]}"

    for scheme in ("http", "https"):
        error = refusal(f"{scheme}://{PICTURES}/a.png", address)
        assert error.code == "proxy"
        assert address in error.message
        assert "CLIP_IMAGE_PROXY" in error.hint


def test_a_proxy_that_knows_us_not_says_so(proxy: ForwardProxy) -> None:
    tunnel = refusal(f"https://{PICTURES}/a.png", proxy.address, who="clip:wrong")
    plain = refusal(f"http://{PICTURES}/a.png", proxy.address, who="clip:wrong")

    assert (tunnel.code, plain.code) == ("proxy", "http_407")
    assert "HTTP 407" in tunnel.message
    assert "CLIP_IMAGE_PROXY=http://NAME:PASSWORD@" in plain.hint


@pytest.mark.parametrize(
    ("scheme", "target"), [("http", f"http://{PICTURES}/a.png"), ("https", f"{PICTURES}:443")]
)
def test_a_proxy_that_drips_does_not_outlast_the_deadline(
    host: ImageHost, scheme: str, target: str
) -> None:
    host.routes[target] = dripping(b"HTTP/1.1 200 OK\r\nx: ", b"y")
    address = f"127.0.0.1:{host.port}"

    error = refusal(f"{scheme}://{PICTURES}/a.png", address, limits=Limits(0.5, 1000))

    assert error.code == "timeout"  # what drips ends as a broken answer
    assert host.asked[0].path == target


def test_what_the_host_behind_the_proxy_refuses_is_its_own(
    host: ImageHost, proxy: ForwardProxy
) -> None:
    host.routes["/b.png"] = status(403)

    assert refusal(f"http://{PICTURES}/b.png", proxy.address).code == "http_403"


def test_no_proxy_is_no_proxy() -> None:
    assert proxy_from_env({"HTTP_PROXY": "http://proxy.lan:1", "CLIP_IMAGE_PROXY": " "}) is None
