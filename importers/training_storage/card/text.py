"""Text of a dataset card: the template, and what is put in, safe for Markdown, YAML and BibTeX."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ls_backend.words import count, dollars, listed

if TYPE_CHECKING:
    from jinja2 import Template
    from markupsafe import Markup

_BLANK_LINES = re.compile(r"\n{3,}")
_SPECIAL = re.compile(r"([\\`*_{}\[\]#|~!$@])")
_JOINERS = "\u200c\u200d"  # within words of Persian and Indic scripts, and within emoji
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.\-]*)://([^\s\"'<>]*)")
_VALUE = re.compile(r"(?<==)[^&#]+")
_PASSWORD = re.compile(r"[^/?#@:\[]*:(?!\d*([/?#]|$))[^?]*@")  # what follows ":" may be a port
_TOKEN = re.compile(rf"[^/?#]*@|{_PASSWORD.pattern}")


def render(**values: Any) -> str:
    """The card without its metadata: `card.md.jinja` with these values."""
    return _BLANK_LINES.sub("\n\n", _template().render(**values))


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


@cache
def _template() -> Template:
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,  # so that what macros give counts as escaped, too
        finalize=_escaped,
        undefined=jinja2.StrictUndefined,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.globals |= {
        "bibtex": lambda text: _safe(bibtex(text)),
        "count": count,
        "counted": _counted,
        "dollars": lambda amount: _safe(dollars(amount)),
        "listed": _listed,
        "plain": lambda text: _safe(plain(text)),
        "share": lambda part, whole: _safe(share(part, whole)),
    }
    return environment.get_template("card.md.jinja")


def _escaped(value: object) -> Markup:
    """What the template shows of a value: whole numbers with commas, texts made safe."""
    if hasattr(value, "__html__"):
        return _safe(str(value))
    return _safe(f"{value:,}" if isinstance(value, int) else plain(str(value)))


def _safe(markdown: str) -> Markup:
    from markupsafe import Markup

    return Markup(markdown)


def _listed(texts: Iterable[str], form: str = "{}") -> str:
    return listed(form.format(text) for text in texts)


def _counted(numbers: Mapping[str, int]) -> str:
    """`3 drawn by a model and 1 unknown`; what there is none of is left out."""
    return listed(f"{number:,} {words}" for words, number in numbers.items() if number)
