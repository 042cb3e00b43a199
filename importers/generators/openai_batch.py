"""OpenAI's Batch API: many requests in one file, answered within a day, at half the price.

Owns the talk about batches: upload, submit once, look, read the results. Whoever submits gives the
batch a name; it is looked for under that name before it is created, so that a lost answer or a
killed process submits nothing twice. What the lines say is `openai_batch_lines`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
    results_gone,
    silent,
)
from importers.openai_api.connection import connection_of
from importers.openai_api.errors import Temporary
from importers.openai_api.retries import api_retrying
from ls_backend.errors import GeneratorError, GeneratorUnreachable

if TYPE_CHECKING:
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


def has_ended(batch: Batch) -> bool:
    return batch.status in _ENDED


def answered(batch: Batch) -> int:
    """Number of its requests that are answered, well or not."""
    counts = batch.request_counts
    return counts.completed + counts.failed if counts else 0


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

    def submit(self, name: str, endpoint: Endpoint, file: Path) -> Batch:
        """Upload the requests and create the batch, unless there is one of that name.

        Raises:
            GeneratorUnreachable, Temporary: it may have been created, or not.
            GeneratorError: it was not created.
        """
        began = datetime.now().astimezone()
        uploaded = self._calls(self._upload, file)
        return self._calls(self._find_or_create, name, began, uploaded, endpoint)

    def find(self, name: str, since: datetime) -> Batch | None:
        """The batch that was submitted under a name at that time or later."""
        return self._calls(self._find, name, since)

    def look(self, remote_id: str, *, patiently: bool) -> Batch:
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

    # -- one request each ----------------------------------------------------------------------

    @contextmanager
    def _translated(self, missing: GeneratorError) -> Iterator[None]:
        """Turns exceptions of the SDK into ours; `missing` is what a 404 means."""
        import openai

        try:
            yield
        except openai.APIError as error:
            raise batch_error(error, self.connection, self.model, missing) from None

    def _upload(self, file: Path) -> str:
        with self._translated(no_batch_api(self.connection)), file.open("rb") as stream:
            named = (file.name, stream, "application/jsonl")
            return self._client.files.create(file=named, purpose="batch").id

    def _find_or_create(
        self, name: str, began: datetime, input_file: str, endpoint: Endpoint
    ) -> Batch:
        try:
            found = self._find(name, began)
        except (GeneratorUnreachable, Temporary):
            raise
        except GeneratorError as error:  # an earlier attempt may have created it
            raise GeneratorUnreachable(error.message, hint=error.hint) from None
        if found is not None:
            return found
        with self._translated(no_batch_api(self.connection)):
            return self._client.batches.create(
                input_file_id=input_file,
                endpoint=endpoint,
                completion_window="24h",
                metadata={NAME: name},
                output_expires_after={"anchor": "created_at", "seconds": RESULTS_KEPT_S},
            )

    def _find(self, name: str, since: datetime) -> Batch | None:
        oldest = (since - _CLOCKS_DIFFER).timestamp()
        with self._translated(no_such_batch(self.connection, name)):
            for batch in self._client.batches.list(limit=_PAGE):
                if batch.created_at < oldest:
                    return None
                if (batch.metadata or {}).get(NAME) == name:
                    return batch
        return None

    def _look(self, remote_id: str) -> Batch:
        with self._translated(no_such_batch(self.connection, remote_id)):
            return self._client.batches.retrieve(remote_id)

    def _each_line(self, file_id: str, use: Callable[[bytes], None]) -> None:
        import httpx2

        answer = self._client.files.with_streaming_response.content(file_id)
        try:
            with self._translated(results_gone(self.connection, file_id)), answer as response:
                for line in self._split(response.iter_bytes()):
                    use(line)
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
