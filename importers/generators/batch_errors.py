"""What goes wrong when batches are asked about, in our own errors with the next step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from importers.openai_api.connection import Connection
from importers.openai_api.errors import as_generator_error
from ls_backend.errors import GeneratorError, GeneratorUnreachable, OutcomeUnknown

if TYPE_CHECKING:
    from openai import APIError

_MOST_REASONS = 3
_NOT_ACCEPTED = "Change [generator] to what the API accepts, or set batch = false."


class ResultsGone(GeneratorError):
    """The provider no longer has a file of results."""

    default_code = "batch_results_gone"


def batch_error(
    error: APIError, connection: Connection, model: str, missing: GeneratorError
) -> GeneratorError:
    """Translate an exception of the SDK; none of these requests draws an image by itself.

    Args:
        missing: What a 404 means.
    """
    from openai import APIStatusError

    status = error.status_code if isinstance(error, APIStatusError) else None
    if status in {404, 405} and error.code != "model_not_found":
        return missing
    known = as_generator_error(error, connection, model)
    if isinstance(known, OutcomeUnknown):
        return silent(connection, "gave no answer")
    if status == 400 and known.code != "insufficient_quota":
        return GeneratorError(known.message, hint=_NOT_ACCEPTED, code=known.code)
    return known


def silent(connection: Connection, why: str) -> GeneratorUnreachable:
    """The error for a provider that does not answer to the end."""
    return GeneratorUnreachable(
        f"{connection.host} {why} when asked about batches.",
        hint="Run it again later: a batch that it has goes on there, and is found again.",
    )


def no_batch_api(connection: Connection) -> GeneratorError:
    return GeneratorError(
        f"{connection.shown_url} has no Batch API.",
        hint="Set generator.batch = false: each image is asked for on its own.",
        code="no_batch_api",
    )


def no_such_batch(connection: Connection, remote_id: str) -> GeneratorError:
    return GeneratorError(
        f"{connection.host} knows no batch {remote_id}.",
        hint="Batches belong to the account that submitted them: set generator.base_url and the "
        "key back to it until its images are collected. If it is gone for good: ls-clip generate "
        "--forget-batches.",
        code="batch_not_found",
    )


def results_gone(connection: Connection, file_id: str) -> ResultsGone:
    return ResultsGone(
        f"{connection.host} no longer has the results {file_id}: they have expired.",
        hint="Run it again to ask for these images anew; they are paid for twice then.",
    )


def not_taken(
    connection: Connection, remote_id: str, reasons: Sequence[str], codes: Sequence[str]
) -> GeneratorError:
    """The error for a batch that failed before anything was drawn.

    Args:
        reasons, codes: The provider's words and codes for them.
    """
    said = list(reasons[:_MOST_REASONS]) or ["it gives no reason"]
    if len(reasons) > _MOST_REASONS:
        said.append(f"and {len(reasons) - _MOST_REASONS:,} more")
    hint = _NOT_ACCEPTED
    if any("model" in code for code in codes):
        hint = "Set batch = false, or generator.model to one that may be asked in batches."
    elif any("limit" in code for code in codes):
        hint = "Run it again when other batches of this account have ended."
    return GeneratorError(
        f"{connection.host} did not take the batch {remote_id}: "
        f"{connection.without_key('; '.join(said))}",
        hint=hint,
        code=codes[0] if codes and codes[0] else "batch_failed",
    )


def cancelled(connection: Connection, remote_id: str, drawn: int, left: int) -> GeneratorError:
    """The error for a batch that somebody cancelled: they may not want the rest."""
    return GeneratorError(
        f"The batch {remote_id} was cancelled at {connection.host}: {drawn:,} images of it are "
        f"kept, {left:,} were not drawn.",
        hint="Run it again to ask for the rest.",
        code="batch_cancelled",
    )


def no_progress(connection: Connection, remote_id: str) -> GeneratorError:
    return GeneratorError(
        f"{connection.host} drew nothing of the batch {remote_id} before it ended.",
        hint="Run it again to ask once more, or set batch = false.",
        code="batch_without_images",
    )
