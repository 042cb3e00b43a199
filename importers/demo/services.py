"""The three services of the demo: Label Studio, the sketch images server, the ML backend.

Owns how each is started, with settings of its own and none of the person's own servers. Tests and
scripts start theirs with the same classes.
"""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import importers
from importers.demo.service import HOST, Service, ServiceError, answers
from ls_backend.label_studio import Credentials, LabelStudio

EXECUTABLE_VARIABLE = "LABEL_STUDIO_EXECUTABLE"
ENVIRONMENT_FOLDER = ".venv-label-studio"
LABEL_STUDIO_VERSION = "1.23.2"
"""The one that the tests run against."""
LOGIN_FILE = "login.json"
# Settings of the person's own servers, which must not become those of ours.
OTHER_LABEL_STUDIO = r"LABEL_STUDIO_|HEARTEX_|DJANGO_|POSTGRE_|PYTHON(PATH|HOME)$"
OTHER_BACKEND = r"LABEL_STUDIO_|CLIP_|BASIC_AUTH_"


@dataclass(frozen=True)
class Login:
    """Who may use a Label Studio that we started; stored beside its database."""

    username: str
    password: str
    legacy_token: str
    personal_access_token: str | None = None


class LabelStudioServer(Service):
    """Label Studio on SQLite with a data folder of its own, reachable from this machine only.

    A data folder that was used before is continued, with its login.

    Args:
        data_dir: Folder of database, uploads and login; made when missing.
        log: File that gets the output of the process; one in the data folder when None.
    """

    name = "Label Studio"
    start_seconds = 300.0  # the first boot migrates its database: about a minute on two cores

    def __init__(self, data_dir: Path, *, log: Path | None = None) -> None:
        super().__init__(log or data_dir / "label-studio.log")
        self.data_dir = data_dir
        self.login = self._read_or_make_login()

    def command(self) -> Sequence[str]:
        executable = str(find_label_studio())
        address = ["--internal-host", HOST, "--port", str(self.port)]
        return [executable, "start", "--no-browser", *address]

    def environment(self) -> Mapping[str, str]:
        return {
            **without(OTHER_LABEL_STUDIO, super().environment()),
            "LABEL_STUDIO_BASE_DATA_DIR": str(self.data_dir.resolve()),
            "LABEL_STUDIO_HOST": self.url,
            "LABEL_STUDIO_USERNAME": self.login.username,
            "LABEL_STUDIO_PASSWORD": self.login.password,
            "LABEL_STUDIO_USER_TOKEN": self.login.legacy_token,
            "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
            # The backend lives on a loopback address, which Label Studio refuses by default.
            "ML_BLOCK_LOCAL_IP": "false",
            "SSRF_PROTECTION_ENABLED": "false",
            "LATEST_VERSION_CHECK": "false",
            "COLLECT_ANALYTICS": "false",
            "SENTRY_DSN": "",
            "FRONTEND_SENTRY_DSN": "",
        }

    def healthy(self) -> bool:
        # It moves to another port without a word when this one is taken; only ours knows the token.
        token = {"Authorization": f"Token {self.login.legacy_token}"}
        return answers(f"{self.url}/health") and answers(
            f"{self.url}/api/current-user/whoami", token
        )

    @property
    def credentials(self) -> Credentials:
        """Address and legacy token."""
        return Credentials(url=self.url, token=self.login.legacy_token)

    def client(self) -> LabelStudio:
        """A client with the legacy token."""
        return LabelStudio(self.credentials)

    def personal_access_token(self) -> str:
        """A PAT of the user; made at the first call and kept, since Label Studio shows it once.

        Raises:
            ServiceError: Label Studio does not make one.
        """
        if self.login.personal_access_token is None:
            token = self._make_personal_access_token()
            self.login = Login(**{**asdict(self.login), "personal_access_token": token})
            self._write_login(self.login)
        return str(self.login.personal_access_token)

    def session(self) -> Any:
        """A requests.Session that is logged in with username and password, as a browser is."""
        import requests

        session = requests.Session()
        session.trust_env = False
        page = f"{self.url}/user/login/"
        session.get(page, timeout=30)
        token = session.cookies["csrftoken"]
        form = {"email": self.login.username, "password": self.login.password}
        session.post(
            page,
            data={**form, "csrfmiddlewaretoken": token},
            headers={"Referer": self.url},
            timeout=30,
            allow_redirects=False,
        )
        session.headers.update({"X-CSRFToken": session.cookies["csrftoken"], "Referer": self.url})
        return session

    def _make_personal_access_token(self) -> str:
        with self.session() as session:
            response = session.post(f"{self.url}/api/token/", timeout=30)
        if response.status_code != 201:
            raise ServiceError(
                f"{self.name} made no personal access token (HTTP {response.status_code}).",
                hint=f"Read its log: {self.log}",
            )
        return str(response.json()["token"])

    def _read_or_make_login(self) -> Login:
        file = self.data_dir / LOGIN_FILE
        if file.exists():
            return Login(**json.loads(file.read_text()))
        login = Login("demo@example.org", secrets.token_urlsafe(9), secrets.token_hex(20))
        self._write_login(login)
        return login

    def _write_login(self, login: Login) -> None:
        self.data_dir.mkdir(parents=True, exist_ok=True)
        file = self.data_dir / LOGIN_FILE
        file.touch(mode=0o600)
        file.write_text(json.dumps(asdict(login)))


class SketchServer(Service):
    """The offline images API that draws.

    Args:
        log: File that gets the output of the process.
        failure_rate: Share of drawings that fail, 0 to 1.
        seed: First seed of each prompt whose request names none.
        request_log: File that gets one JSON line for each image; None logs nothing.
    """

    name = "the sketch images server"

    def __init__(
        self,
        log: Path,
        *,
        failure_rate: float = 0.0,
        seed: int = 0,
        request_log: Path | None = None,
    ) -> None:
        super().__init__(log)
        self.failure_rate = failure_rate
        self.seed = seed
        self.request_log = request_log

    @property
    def base_url(self) -> str:
        """What a client of OpenAI's API takes as its base URL."""
        return f"{self.url}/v1"

    def command(self) -> Sequence[str]:
        options = ["--port", str(self.port), "--failure-rate", str(self.failure_rate)]
        options += ["--seed", str(self.seed)]
        if self.request_log is not None:
            options += ["--request-log", str(self.request_log)]
        return ls_clip("sketch", *options)

    def healthy(self) -> bool:
        return answers(f"{self.base_url}/models")


class BackendServer(Service):
    """The ML backend, reading images with the given credentials.

    Args:
        log: File that gets the output of the process.
        model: Name of the model, as `ls-clip serve --model` takes it.
        credentials: Address and token of the Label Studio whose uploads it reads.
    """

    name = "the ML backend"
    start_seconds = 120.0  # loads the model before it answers

    def __init__(self, log: Path, *, model: str, credentials: Credentials) -> None:
        super().__init__(log)
        self.model = model
        self.credentials = credentials

    def command(self) -> Sequence[str]:
        return ls_clip("serve", "--model", self.model, "--host", HOST, "--port", str(self.port))

    def environment(self) -> Mapping[str, str]:
        return {
            **without(OTHER_BACKEND, super().environment()),
            "LABEL_STUDIO_URL": self.credentials.url,
            "LABEL_STUDIO_API_KEY": self.credentials.token,
            "CLIP_CACHE_DIR": str(self.log.parent / "vectors"),
        }

    def healthy(self) -> bool:
        return answers(f"{self.url}/ready")


def ls_clip(*arguments: str) -> list[str]:
    """The command line that runs `ls-clip` with this interpreter."""
    return [sys.executable, "-m", "importers.cli", *arguments]


def find_label_studio() -> Path:
    """The `label-studio` executable: environment variable, own environment, PATH, in this order.

    Raises:
        ServiceError: none is found, or the one that is named does not exist.
    """
    named = os.environ.get(EXECUTABLE_VARIABLE)
    if named:
        return _must_run(Path(named).expanduser())
    for folder in (Path(importers.__file__).parents[1], Path.cwd()):
        candidate = folder / ENVIRONMENT_FOLDER / "bin" / "label-studio"
        if candidate.exists():
            return candidate
    on_path = shutil.which("label-studio")
    if on_path:
        return Path(on_path)
    raise ServiceError(
        f"Label Studio is not installed: no {ENVIRONMENT_FOLDER}/bin/label-studio here, "
        "no label-studio on PATH.",
        hint="Install it here with these two commands, then run this again (in a clone, `make "
        f"setup` does it):\n"
        f"  python3 -m venv {ENVIRONMENT_FOLDER}\n"
        f"  {ENVIRONMENT_FOLDER}/bin/pip install label-studio=={LABEL_STUDIO_VERSION}\n"
        f"Where there is one already, set {EXECUTABLE_VARIABLE} to its executable.",
    )


def _must_run(executable: Path) -> Path:
    if os.access(executable, os.X_OK) and executable.is_file():
        return executable
    raise ServiceError(
        f"{EXECUTABLE_VARIABLE} names {executable}, which cannot be run.",
        hint="Set it to the `label-studio` executable of the environment that has Label Studio.",
    )


def without(names: str, environment: Mapping[str, str]) -> dict[str, str]:
    """The environment without the variables whose names begin as the pattern says."""
    return {name: value for name, value in environment.items() if not re.match(names, name)}
