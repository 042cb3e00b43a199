"""Text of a dataset card: made safe for Markdown, YAML and BibTeX, without secrets; shares."""

from __future__ import annotations

import re

_SPECIAL = re.compile(r"([\\`*_{}\[\]#|~!$@])")
_JOINERS = "\u200c\u200d"  # within words of Persian and Indic scripts, and within emoji
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*)://([^\s\"'<>]*)")
_VALUE = re.compile(r"(?<==)[^&#]+")
_PASSWORD = re.compile(r"[^/?#@:\[]*:(?!\d*([/?#]|$))[^?]*@")  # what follows ":" may be a port
_TOKEN = re.compile(rf"[^/?#]*@|{_PASSWORD.pattern}")


def one_line(text: str) -> str:
    """Text without line breaks, control and other invisible characters."""
    seen = (c if c.isprintable() or c in _JOINERS else " " for c in text)
    return " ".join("".join(seen).split())


def plain(text: str) -> str:
    """Text that Markdown shows as it is, within a line, a table's cell or a link's name."""
    safe = one_line(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return _SPECIAL.sub(r"\\\1", safe)


def share(part: int, whole: int) -> str:
    """Part of a whole in per cent; an empty whole has none."""
    if not whole:
        return "–"
    return "< 0.1 %" if 0 < part / whole < 0.0005 else f"{100 * part / whole:.1f} %"


def bibtex(text: str) -> str:
    """Text as the value of a BibTeX field."""
    named = {"\\": r"{\textbackslash}", "{": r"\{", "}": r"\}", "~": r"{\textasciitilde}"}
    named |= {"^": r"{\textasciicircum}"} | {c: f"\\{c}" for c in "#$%&_"}
    return "".join(named.get(c, c) for c in one_line(text))


def without_secrets(text: str) -> str:
    """Text whose URLs have neither passwords nor the values of their queries.

    A name alone before the @ stays, as in `abfss://container@account`; not so over HTTP, where
    it may be a token.
    """
    return _URL.sub(lambda found: _public(*found.groups()), text)


def _public(scheme: str, rest: str) -> str:
    secret = (_TOKEN if scheme.lower().startswith("http") else _PASSWORD).match(rest)
    if secret:
        rest = f"…@{rest[secret.end() :]}"
    path, mark, query = rest.partition("?")
    return f"{scheme}://{path}{mark}{_VALUE.sub('…', query) if '=' in query else mark and '…'}"
