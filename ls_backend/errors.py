"""The error tree of both packages.

    LsClipError                    every error a person may see: message, code, hint
    ├── ConfigError                campaign.toml, environment or command line
    ├── LabelConfigError           a labeling config that cannot be answered
    ├── ModelError                 CLIP weights or config
    ├── ImageError                 one image that cannot be read
    ├── LabelStudioError           Label Studio said no
    │   ├── LabelStudioUnreachable     it did not answer
    │   └── LabelStudioUnauthorized    it does not know the token
    ├── GeneratorError             an images API said no: stop the run
    │   ├── GeneratorUnreachable       it did not answer
    │   ├── GeneratorUnauthorized      it does not know the key
    │   ├── OutcomeUnknown             no answer came to a request that may be paid for
    │   └── PromptRefused              it refused this prompt: go on with the others
    ├── LedgerError                the campaign's ledger
    └── StorageError               training storage

A message says what went wrong and why, and names the thing; a hint says what to do now.
"""

from __future__ import annotations

from typing import ClassVar


class LsClipError(Exception):
    """Base of all errors that are shown to people without a traceback.

    Args:
        message: What went wrong and why; names the file, setting, URL or task.
        hint: The next step.
        code: A stable identifier for logs and counters; the class's own when not given.
    """

    default_code: ClassVar[str] = "error"

    def __init__(self, message: str, *, hint: str, code: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.code = code or self.default_code


class ConfigError(LsClipError):
    """A setting is missing, unknown or out of range."""

    default_code = "config"


class LabelConfigError(LsClipError):
    """The labeling config has no control that CLIP can fill, or more than one."""

    default_code = "label_config"


class ModelError(LsClipError):
    """A CLIP model cannot be found or loaded."""

    default_code = "model"


class ImageError(LsClipError):
    """One image cannot be fetched or decoded; `code` says which way it failed."""

    default_code = "image"


class LabelStudioError(LsClipError):
    """Label Studio answered, and refused."""

    default_code = "label_studio"


class LabelStudioUnreachable(LabelStudioError):
    """Label Studio did not answer."""

    default_code = "label_studio_unreachable"


class LabelStudioUnauthorized(LabelStudioError):
    """Label Studio does not accept the token."""

    default_code = "label_studio_unauthorized"


class GeneratorError(LsClipError):
    """The images API refused in a way that every further request would meet."""

    default_code = "generator"


class GeneratorUnreachable(GeneratorError):
    """The images API did not answer."""

    default_code = "generator_unreachable"


class GeneratorUnauthorized(GeneratorError):
    """The images API does not accept the key."""

    default_code = "generator_unauthorized"


class OutcomeUnknown(GeneratorError):
    """A request was sent and no answer came: an image may have been drawn, and paid for."""

    default_code = "timeout"


class PromptRefused(GeneratorError):
    """The images API refused this one prompt; others may pass."""

    default_code = "prompt_refused"


class LedgerError(LsClipError):
    """The ledger cannot be opened, is in use, or belongs to another campaign."""

    default_code = "ledger"


class StorageError(LsClipError):
    """Training storage cannot be read or written."""

    default_code = "storage"
