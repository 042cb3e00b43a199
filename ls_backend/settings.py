"""Environment → Settings: everything about the ML backend that can be set.

variable                 default                        meaning
CLIP_MODEL               ViT-B-32/laion2b_s34b_b79k     ARCH/PRETRAINED of open_clip, a folder,
                                                        or sketch, which knows drawings alone
LABEL_STUDIO_URL                                        the Label Studio whose images are read
LABEL_STUDIO_API_KEY                                    its token, personal or legacy
LABEL_STUDIO_HOST                                       what it calls itself in tasks, as it has
                                                        it; the ML backend learns it from /setup
BASIC_AUTH_USER, _PASS                                  what Label Studio must present here
CLIP_IMAGE_SECONDS       10                             for one image: connect, redirects, body;
                                                        and as much processor time to decode it
CLIP_IMAGE_MAX_BYTES     33554432 (32 MiB)              of one image file
CLIP_IMAGE_MAX_PIXELS    50000000                       of one image, width x height
CLIP_ALLOWED_HOSTS                                      hosts whose images may lie on private
                                                        addresses: "images.lan, 10.0.0.5:9000"
CLIP_CA_BUNDLE                                          PEM file of authorities to trust besides
                                                        the public ones: Label Studio and images
CLIP_IMAGE_PROXY                                        the HTTP proxy to public addresses:
                                                        "http://[NAME:PASSWORD@]HOST:PORT";
                                                        HTTP_PROXY and its like are not heeded
CLIP_CLOUD_DIRECT                                       storages read with credentials of this
                                                        machine: "s3, gs, azure-blob"; the others
                                                        through Label Studio
CLIP_DEVICE          auto                               auto, cpu, cuda or cuda:N
CLIP_PRECISION       auto                               auto, float32 or bfloat16
CLIP_PREDICT_SECONDS 80                                 for one /predict; Label Studio waits 100
CLIP_CACHE_DIR       ~/.cache/label-studio-clip         where image vectors are remembered
CLIP_CACHE_MAX_BYTES 1073741824 (1 GiB)                 of them on disk; 0: remember nothing
CLIP_WEBHOOK_SECRET                                     what X-Clip-Secret must say at /webhook
CLIP_LOG_FORMAT      text                               text or json
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, get_args

from ls_backend.addresses import Proxy, cloud_direct_from_env, proxy_from_env
from ls_backend.errors import ConfigError
from ls_backend.label_studio import Credentials
from ls_backend.tls import ca_bundle_from_env

DEFAULT_MODEL = "ViT-B-32/laion2b_s34b_b79k"
DEFAULT_CACHE_DIR = "~/.cache/label-studio-clip"

SECRET_HEADER = "X-Clip-Secret"
"""In which a webhook of Label Studio says `webhook_secret`."""

Precision = Literal["auto", "float32", "bfloat16"]
LogFormat = Literal["text", "json"]

_DEVICE = re.compile(r"auto|cpu|cuda(:\d+)?")


@dataclass(frozen=True)
class Settings:
    """The ML backend's settings; `settings_from_env` explains each.

    `label_studio` is None where no Label Studio is named: then only images that need no token can
    be read. Without `basic_auth_user` anyone may ask.
    """

    model: str = DEFAULT_MODEL
    label_studio: Credentials | None = None
    label_studio_host: str | None = None
    basic_auth_user: str | None = None
    basic_auth_pass: str | None = field(default=None, repr=False)
    image_seconds: float = 10.0
    image_max_bytes: int = 32 * 1024 * 1024
    image_max_pixels: int = 50_000_000
    allowed_hosts: frozenset[str] = frozenset()
    ca_bundle: Path | None = None
    image_proxy: Proxy | None = None
    cloud_direct: frozenset[str] = frozenset()
    device: str = "auto"
    precision: Precision = "auto"
    predict_seconds: float = 80.0
    cache_dir: Path = field(default_factory=lambda: _home_folder(DEFAULT_CACHE_DIR))
    cache_max_bytes: int = 1024**3
    webhook_secret: str | None = field(default=None, repr=False)
    log_format: LogFormat = "text"


def settings_from_env(environ: Mapping[str, str] | None = None) -> Settings:
    """Settings from environment variables, as the table at the top of this file lists them.

    Raises:
        ConfigError: A value is out of range, one of a pair is missing, or a file or package that
            is named cannot be used.
        LabelStudioUnauthorized: The token for Label Studio is an access token of five minutes.
    """
    given = {k: v.strip() for k, v in (os.environ if environ is None else environ).items()}
    url, token = _pair(given, "LABEL_STUDIO_URL", "LABEL_STUDIO_API_KEY")
    bundle = ca_bundle_from_env(given)
    user, password = _pair(given, "BASIC_AUTH_USER", "BASIC_AUTH_PASS")
    return Settings(
        model=given.get("CLIP_MODEL") or DEFAULT_MODEL,
        label_studio=Credentials(url, token, bundle) if url else None,
        label_studio_host=given.get("LABEL_STUDIO_HOST") or None,
        basic_auth_user=user or None,
        basic_auth_pass=password or None,
        image_seconds=_number(given, "CLIP_IMAGE_SECONDS", Settings.image_seconds),
        image_max_bytes=int(_number(given, "CLIP_IMAGE_MAX_BYTES", Settings.image_max_bytes)),
        image_max_pixels=int(_number(given, "CLIP_IMAGE_MAX_PIXELS", Settings.image_max_pixels)),
        allowed_hosts=_hosts(given.get("CLIP_ALLOWED_HOSTS", "")),
        ca_bundle=bundle,
        image_proxy=proxy_from_env(given),
        cloud_direct=cloud_direct_from_env(given),
        device=_device(given),
        precision=_one_of(Precision, given, "CLIP_PRECISION", Settings.precision),
        predict_seconds=_number(given, "CLIP_PREDICT_SECONDS", Settings.predict_seconds),
        cache_dir=_home_folder(given.get("CLIP_CACHE_DIR") or DEFAULT_CACHE_DIR),
        cache_max_bytes=int(
            _number(given, "CLIP_CACHE_MAX_BYTES", Settings.cache_max_bytes, least=0)
        ),
        webhook_secret=given.get("CLIP_WEBHOOK_SECRET") or None,
        log_format=_one_of(LogFormat, given, "CLIP_LOG_FORMAT", Settings.log_format),
    )


def _pair(given: Mapping[str, str], first: str, second: str) -> tuple[str, str]:
    values = given.get(first, ""), given.get(second, "")
    if bool(values[0]) != bool(values[1]):
        there, missing = (first, second) if values[0] else (second, first)
        raise ConfigError(
            f"{there} is set and {missing} is not.", hint=f"Set {missing} too, or unset {there}."
        )
    return values


def _number(given: Mapping[str, str], name: str, default: float, least: float = 1) -> float:
    text = given.get(name, "")
    if not text:
        return default
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not (math.isfinite(number) and number >= least):
        raise ConfigError(
            f"{name} is {text!r}, which is no number of {least} or more.",
            hint=f"For example: export {name}={default:g}",
        )
    return number


def _home_folder(text: str) -> Path:
    # Path.expanduser raises where there is no home, as in a container with any user.
    return Path(os.path.expanduser(text))  # noqa: PTH111


def _device(given: Mapping[str, str]) -> str:
    device = given.get("CLIP_DEVICE", "").lower() or Settings.device
    if not _DEVICE.fullmatch(device):
        raise ConfigError(
            f"CLIP_DEVICE is {device!r}, which is none.", hint="Use auto, cpu, cuda or cuda:1."
        )
    return device


def _one_of(kind: Any, given: Mapping[str, str], name: str, default: str) -> Any:
    """The value of a variable that takes one of a Literal's words."""
    asked = given.get(name, "").lower() or default
    if asked not in get_args(kind):
        raise ConfigError(
            f"{name} is {asked!r}, which is none.",
            hint=f"Use one of {', '.join(get_args(kind))}.",
        )
    return asked


def _hosts(text: str) -> frozenset[str]:
    hosts = frozenset(host.strip().lower() for host in text.split(",") if host.strip())
    for host in hosts:
        if "/" in host or "*" in host:
            raise ConfigError(
                f"CLIP_ALLOWED_HOSTS has {host!r}, which is no host name.",
                hint="Give names or addresses with commas between them, each with or without a "
                'port: "images.lan, 10.0.0.5:9000".',
            )
    return hosts
