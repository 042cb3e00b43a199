"""Environment variables → Settings."""

from __future__ import annotations

from pathlib import Path

import pytest
from studio_answers import jwt

from ls_backend.errors import ConfigError, LabelStudioUnauthorized
from ls_backend.settings import Settings, settings_from_env


def test_nothing_set_is_the_default() -> None:
    assert settings_from_env({}) == Settings()
    assert settings_from_env({"CLIP_MODEL": " ", "CLIP_IMAGE_SECONDS": ""}) == Settings()


def test_an_access_token_is_refused_before_anything_starts() -> None:
    token = jwt(token_type="access", exp=1, iat=1)

    with pytest.raises(LabelStudioUnauthorized, match="five minutes") as refused:
        settings_from_env({"LABEL_STUDIO_URL": "http://ls", "LABEL_STUDIO_API_KEY": token})

    assert "Personal Access Token" in refused.value.hint


def test_everything_set() -> None:
    settings = settings_from_env(
        {
            "CLIP_MODEL": "RN50/openai",
            "LABEL_STUDIO_URL": "http://localhost:8080/",
            "LABEL_STUDIO_API_KEY": "secret-token",
            "BASIC_AUTH_USER": "studio",
            "BASIC_AUTH_PASS": "secret-word",
            "CLIP_IMAGE_SECONDS": "2.5",
            "CLIP_IMAGE_MAX_BYTES": "1e6",
            "CLIP_IMAGE_MAX_PIXELS": "1000000",
            "CLIP_ALLOWED_HOSTS": "Images.lan, 10.0.0.5:9000,",
            "CLIP_DEVICE": "CUDA:1",
            "CLIP_PRECISION": "bfloat16",
            "CLIP_PREDICT_SECONDS": "20",
            "CLIP_CACHE_DIR": "~/clip",
            "CLIP_CACHE_MAX_BYTES": "0",
            "CLIP_WEBHOOK_SECRET": "secret-header",
            "CLIP_CLOUD_DIRECT": "S3, s3://,",
        }
    )

    assert settings.model == "RN50/openai"
    assert settings.label_studio is not None
    assert settings.label_studio.url == "http://localhost:8080"
    assert (settings.image_seconds, settings.image_max_bytes) == (2.5, 1_000_000)
    assert settings.allowed_hosts == {"images.lan", "10.0.0.5:9000"}
    assert (settings.device, settings.precision) == ("cuda:1", "bfloat16")
    assert settings.predict_seconds == 20.0
    assert (settings.cache_dir, settings.cache_max_bytes) == (Path.home() / "clip", 0)
    assert settings.webhook_secret == "secret-header"
    assert settings.cloud_direct == {"s3"}
    assert "secret" not in repr(settings)


@pytest.mark.parametrize(
    ("variable", "value", "named"),
    [
        ("LABEL_STUDIO_URL", "http://localhost:8080", "LABEL_STUDIO_API_KEY"),
        ("LABEL_STUDIO_API_KEY", "secret", "LABEL_STUDIO_URL"),
        ("BASIC_AUTH_USER", "studio", "BASIC_AUTH_PASS"),
        ("BASIC_AUTH_PASS", "secret", "BASIC_AUTH_USER"),
        ("CLIP_IMAGE_SECONDS", "soon", "CLIP_IMAGE_SECONDS"),
        ("CLIP_IMAGE_SECONDS", "0", "CLIP_IMAGE_SECONDS"),
        ("CLIP_IMAGE_MAX_BYTES", "-1", "CLIP_IMAGE_MAX_BYTES"),
        ("CLIP_IMAGE_MAX_PIXELS", "inf", "CLIP_IMAGE_MAX_PIXELS"),
        ("CLIP_ALLOWED_HOSTS", "http://images.lan", "CLIP_ALLOWED_HOSTS"),
        ("CLIP_ALLOWED_HOSTS", "*.lan", "CLIP_ALLOWED_HOSTS"),
        ("CLIP_DEVICE", "gpu", "CLIP_DEVICE"),
        ("CLIP_PRECISION", "half", "CLIP_PRECISION"),
        ("CLIP_PREDICT_SECONDS", "0", "CLIP_PREDICT_SECONDS"),
        ("CLIP_CACHE_MAX_BYTES", "-1", "CLIP_CACHE_MAX_BYTES"),
        ("CLIP_CLOUD_DIRECT", "s3, ftp", "'ftp'"),
        ("CLIP_IMAGE_PROXY", "https://me:secret@proxy.lan:3128", "CLIP_IMAGE_PROXY"),
        ("CLIP_IMAGE_PROXY", "http://proxy.lan:3128/secret", "CLIP_IMAGE_PROXY"),
        ("CLIP_IMAGE_PROXY", "http://proxy.lan:port", "CLIP_IMAGE_PROXY"),
        ("CLIP_CA_BUNDLE", "/nowhere/ca.pem", "No such file"),
        ("CLIP_CA_BUNDLE", __file__, "CLIP_CA_BUNDLE"),
        ("CLIP_CA_BUNDLE", "/", "CLIP_CA_BUNDLE"),
    ],
)
def test_a_setting_that_makes_no_sense_is_named(variable: str, value: str, named: str) -> None:
    with pytest.raises(ConfigError) as refusal:
        settings_from_env({variable: value})

    assert named in refusal.value.message
    assert "secret" not in refusal.value.message + refusal.value.hint
    assert refusal.value.hint
