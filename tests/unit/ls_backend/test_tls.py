"""Label Studio and images behind a certificate that an authority of our own has signed."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from certificates import Authority, authority
from image_host import ImageHost, body

from ls_backend.errors import ConfigError, ImageError, LabelStudioUnreachable
from ls_backend.images.task_images import TaskImages
from ls_backend.label_studio import LabelStudio, credentials_from_env
from ls_backend.settings import settings_from_env
from ls_backend.tls import tls_context

TOKEN = "0123456789abcdef0123456789abcdef01234567"
UPLOAD = "/data/upload/1/cat.png"
NO_PROJECTS = b'{"count": 0, "next": null, "previous": null, "results": []}'


@pytest.fixture(scope="module")
def ours(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return authority(tmp_path_factory.mktemp("ours"))


@pytest.fixture
def studio(ours: Authority) -> Iterator[ImageHost]:
    """A Label Studio over https with one upload and no projects."""
    with ImageHost(ours.server) as host:
        host.routes[UPLOAD] = body(b"the file")
        host.routes["/api/projects/"] = body(NO_PROJECTS, Content_Type="application/json")
        yield host


def variables(studio: ImageHost, bundle: Path | None) -> dict[str, str]:
    given = {"LABEL_STUDIO_URL": studio.url, "LABEL_STUDIO_API_KEY": TOKEN}
    return {**given, "CLIP_CA_BUNDLE": str(bundle)} if bundle else given


def upload(studio: ImageHost, bundle: Path | None) -> bytes:
    images = TaskImages(settings_from_env(variables(studio, bundle)))
    return images.fetch({"id": 1, "data": {"image": UPLOAD}}, "image")


@pytest.fixture
def connect(studio: ImageHost, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    opened: list[LabelStudio] = []

    def connect(bundle: Path | None) -> LabelStudio:
        for name, value in variables(studio, bundle).items():
            monkeypatch.setenv(name, value)
        opened.append(LabelStudio(credentials_from_env()))
        return opened[-1]

    yield connect
    for ls in opened:
        ls.close()


def projects(ls: LabelStudio) -> Any:
    return ls.json("GET", "/api/projects/")["results"]


Connect = Callable[[Path | None], LabelStudio]


def test_an_image_is_read_with_the_bundle(studio: ImageHost, ours: Authority) -> None:
    assert upload(studio, ours.pem) == b"the file"


def test_without_the_bundle_its_setting_is_named(studio: ImageHost) -> None:
    with pytest.raises(ImageError) as refusal:
        upload(studio, None)

    assert refusal.value.code == "tls"
    assert "CLIP_CA_BUNDLE" in refusal.value.hint
    assert studio.asked == []


def test_the_bundle_of_another_authority_does_not_help(studio: ImageHost, tmp_path: Path) -> None:
    with pytest.raises(ImageError) as refusal:
        upload(studio, authority(tmp_path).pem)

    assert refusal.value.code == "tls"
    assert studio.asked == []


def test_a_certificate_is_for_the_name_that_is_asked(studio: ImageHost, ours: Authority) -> None:
    given = {"CLIP_CA_BUNDLE": str(ours.pem), "CLIP_ALLOWED_HOSTS": "localhost"}
    images = TaskImages(settings_from_env(given))
    source = f"https://localhost:{studio.port}{UPLOAD}"

    with pytest.raises(ImageError, match=r"ertificate") as refusal:
        images.fetch({"id": 1, "data": {"image": source}}, "image")

    assert refusal.value.code == "tls"
    assert studio.asked == []


@pytest.fixture
def as_python_3_13(monkeypatch: pytest.MonkeyPatch) -> None:
    """Contexts are strict by default, as from Python 3.13 on: an authority must say keyUsage."""
    lenient = ssl.create_default_context

    def strict() -> ssl.SSLContext:
        context = lenient()
        context.verify_flags |= ssl.VERIFY_X509_STRICT | ssl.VERIFY_X509_PARTIAL_CHAIN
        return context

    monkeypatch.setattr(ssl, "create_default_context", strict)


@pytest.mark.usefixtures("as_python_3_13")
def test_an_authority_that_says_no_key_usage_is_taken_as_browsers_do(
    connect: Connect, studio: ImageHost, ours: Authority, tmp_path: Path
) -> None:
    pem = tmp_path / "ca.pem"  # a context is kept for each file
    pem.write_bytes(ours.pem.read_bytes())
    assert upload(studio, pem) == b"the file"
    assert projects(connect(pem)) == []


@pytest.mark.usefixtures("as_python_3_13")
def test_a_stranger_is_still_refused_and_the_picture_says_why(
    studio: ImageHost, tmp_path: Path
) -> None:
    with pytest.raises(ImageError, match="unable to get local issuer certificate"):
        upload(studio, authority(tmp_path).pem)
    assert studio.asked == []


def test_the_public_authorities_stay_trusted(ours: Authority) -> None:
    public = tls_context(None).get_ca_certs()

    assert public
    assert len(tls_context(ours.pem).get_ca_certs()) == len(public) + 1


def test_label_studio_is_asked_with_the_bundle(connect: Connect, ours: Authority) -> None:
    assert projects(connect(ours.pem)) == []


def test_a_label_studio_that_is_not_trusted_says_so(studio: ImageHost, connect: Connect) -> None:
    with pytest.raises(LabelStudioUnreachable) as refusal:
        projects(connect(None))

    assert refusal.value.code == "tls"
    assert "CLIP_CA_BUNDLE" in refusal.value.hint
    assert studio.asked == []


def test_a_bundle_that_is_none_stops_a_command_too(
    studio: ImageHost, connect: Connect, tmp_path: Path
) -> None:
    with pytest.raises(ConfigError, match="CLIP_CA_BUNDLE"):
        connect(tmp_path / "missing.pem")
    assert studio.asked == []
