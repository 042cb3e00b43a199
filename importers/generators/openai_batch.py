"""OpenAI's Batch API: many requests in one file, answered within a day, at half the price.

Owns the talk about batches: upload, submit once, look, read the results. Whoever submits gives the
batch a name; it is looked for under that name before it is created, so that a lost answer or a
killed process submits nothing twice. What the lines say is `batch_lines`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from importers.generators.answers import LARGEST_IMAGE
from importers.generators.openai_batch_lines import (
    Endpoint,
    batch_error,
    no_batch_api,
    no_such_batch,
    not_taken,
    results_gone,
    silent,
)
from importers.openai_api.connection import connection_of
from importers.openai_api.errors import Temporary
from importers.openai_api.retries import api_retrying
from ls_backend.errors import GeneratorError, GeneratorUnreachable

if TYPE_CHECKING:
    from openai import APIError
    from openai.types import Batch

    from importers.config.sections import GeneratorSettings

NAME = "ls_clip_batch"
"""The key of a batch's metadata that holds its name."""
RESULTS_KEPT_S = 30 * 24 * 3600
PATIENCE_S = 3600.0
"""How long a provider that does not answer is asked again while a batch is under way."""
LARGEST_LINE = 2 * LARGEST_IMAGE

_ENDED = frozenset({"completed", "failed", "expired", "cancelled"})
_CLOCKS_DIFFER = timedelta(hours=1)
_PAGE = 100

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RemoteBatch:
    """A batch as the provider sees it.

    Attributes:
        id: The provider's name of it.
        status: The provider's word for how far it is.
        done: Requests that are answered, well or not.
        result_files: Names of its output and error file, where there are any.
        errors: Why it was not taken, in the provider's words.
        codes: The provider's codes of these errors.
    """

    id: str
    status: str
    input_file: str
    done: int
    result_files: tuple[str, ...]
    errors: tuple[str, ...]
    codes: tuple[str, ...]

    @property
    def ended(self) -> bool:
        return self.status in _ENDED


class OpenAIBatches:
    """The batches of an account.

    Args:
        settings: The campaign's `[generator]`.
        sleep: Waits a number of seconds.

    Raises:
        ConfigError: the base URL is none, or OpenAI's key is not set.
    """

    def __init__(
        self, settings: GeneratorSettings, sleep: Callable[[float], None] = time.sleep
    ) -> None:
        self.model = settings.model
        self.connection = connection_of(settings)
        self._client = self.connection.client(settings.timeout_s)
        again = partial(
            api_retrying, (GeneratorUnreachable, Temporary), sleep, patience_s=PATIENCE_S
        )
        self._calls, self._patient_calls = again(attempts=settings.max_attempts), again()

    def close(self) -> None:
        self._client.close()

    def submit(self, name: str, endpoint: Endpoint, file: Path) -> RemoteBatch:
        """Upload the requests and create the batch, unless there is one of that name.

        Raises:
            GeneratorUnreachable, Temporary: it may have been created, or not.
            GeneratorError: it was not created.
        """
        began = datetime.now().astimezone()
        uploaded = self._calls(self._upload, file)
        return self._calls(self._find_or_create, name, began, uploaded, endpoint)

    def find(self, name: str, since: datetime) -> RemoteBatch | None:
        """The batch that was submitted under a name at that time or later."""
        return self._calls(self._find, name, since)

    def look(self, remote_id: str, *, patiently: bool) -> RemoteBatch:
        """How far a batch is.

        Args:
            patiently: Whether to ask for up to an hour where nobody answers.

        Raises:
            GeneratorUnreachable, Temporary: it does not say.
            GeneratorError: the account has no such batch.
        """
        calls = self._patient_calls if patiently else self._calls
        return calls(self._look, remote_id)

    def each_line(self, file_id: str, use: Callable[[bytes], None]) -> None:
        """Hand each line of a result file over; after a cut connection all of them again.

        Raises:
            ResultsGone: the provider no longer has the file.
            GeneratorError: it cannot be read.
        """
        self._patient_calls(self._each_line, file_id, use)

    def not_taken(self, batch: RemoteBatch) -> GeneratorError:
        """Why a batch failed before anything was drawn."""
        return not_taken(self.connection, batch.id, batch.errors, batch.codes)

    # -- one request each ----------------------------------------------------------------------

    def _upload(self, file: Path) -> str:
        import openai

        try:
            with file.open("rb") as stream:
                named = (file.name, stream, "application/jsonl")
                return self._client.files.create(file=named, purpose="batch").id
        except openai.APIError as error:
            raise self._error(error, no_batch_api(self.connection)) from None

    def _find_or_create(
        self, name: str, began: datetime, input_file: str, endpoint: Endpoint
    ) -> RemoteBatch:
        import openai

        try:
            found = self._find(name, began)
        except (GeneratorUnreachable, Temporary):
            raise
        except GeneratorError as error:  # an earlier attempt may have created it
            raise GeneratorUnreachable(error.message, hint=error.hint) from None
        if found is not None:
            return found
        try:
            batch = self._client.batches.create(
                input_file_id=input_file,
                endpoint=endpoint,
                completion_window="24h",
                metadata={NAME: name},
                output_expires_after={"anchor": "created_at", "seconds": RESULTS_KEPT_S},
            )
        except openai.APIError as error:
            raise self._error(error, no_batch_api(self.connection)) from None
        return _remote(batch)

    def _find(self, name: str, since: datetime) -> RemoteBatch | None:
        import openai

        oldest = (since - _CLOCKS_DIFFER).timestamp()
        try:
            for batch in self._client.batches.list(limit=_PAGE):
                if batch.created_at < oldest:
                    return None
                if (batch.metadata or {}).get(NAME) == name:
                    return _remote(batch)
        except openai.APIError as error:
            raise self._error(error, no_such_batch(self.connection, name)) from None
        return None

    def _look(self, remote_id: str) -> RemoteBatch:
        import openai

        try:
            return _remote(self._client.batches.retrieve(remote_id))
        except openai.APIError as error:
            raise self._error(error, no_such_batch(self.connection, remote_id)) from None

    def _each_line(self, file_id: str, use: Callable[[bytes], None]) -> None:
        import httpx2
        import openai

        try:
            with self._client.files.with_streaming_response.content(file_id) as response:
                for line in self._split(response.iter_bytes()):
                    use(line)
        except openai.APIError as error:
            raise self._error(error, results_gone(self.connection, file_id)) from None
        except httpx2.TransportError as error:
            raise silent(self.connection, f"broke off ({type(error).__name__})") from None

    def _split(self, chunks: Iterator[bytes]) -> Iterator[bytes]:
        """Lines by \\n alone: texts in JSON may have other line breaks inside."""
        pieces: list[bytes] = []
        held = 0
        for chunk in chunks:
            *ends, rest = chunk.split(b"\n")
            for end in ends:
                yield b"".join([*pieces, end])
                pieces, held = [], 0
            pieces.append(rest)
            held += len(rest)
            if held > LARGEST_LINE:
                raise GeneratorError(
                    f"{self.connection.host} answers a batch with a line of more than "
                    f"{LARGEST_LINE / 2**20:.0f} MB.",
                    hint="Ask for smaller images, or set generator.batch = false.",
                    code="batch_line_too_long",
                )
        if held:
            yield b"".join(pieces)

    def _error(self, error: APIError, missing: GeneratorError) -> GeneratorError:
        return batch_error(error, self.connection, self.model, missing)


def _remote(batch: Batch) -> RemoteBatch:
    counts, errors = batch.request_counts, (batch.errors and batch.errors.data) or []
    files = (batch.output_file_id, batch.error_file_id)
    return RemoteBatch(
        id=batch.id,
        status=batch.status,
        input_file=batch.input_file_id,
        done=counts.completed + counts.failed if counts else 0,
        result_files=tuple(file for file in files if file),
        errors=tuple(
            f"line {error.line}: {error.message}" if error.line else str(error.message)
            for error in errors
        ),
        codes=tuple(error.code or "" for error in errors),
    )
