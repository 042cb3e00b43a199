"""Words of the dataset card: shares, and URLs without their secrets."""

from __future__ import annotations

import pytest

from importers.training_storage.card.text import one_line, share, without_secrets


@pytest.mark.parametrize(
    ("url", "public"),
    [
        ("s3://bucket/training", None),
        ("s3://key:secret@bucket/training", "s3://…@bucket/training"),
        ("s3://key:se/cr+et@bucket/training", "s3://…@bucket/training"),
        ("simplecache::s3://key:secret@bucket", "simplecache::s3://…@bucket"),
        ("abfss://container@account.dfs.core.windows.net/x", None),
        ("hf://datasets/me/pets@main", None),
        ("https://token@host/v1", "https://…@host/v1"),
        ("http://127.0.0.1:8765/v1/a@b", None),
        ("http://[::1]:8765/v1", None),
        ("http://user:pass@[::1]:8765/v1", "http://…@[::1]:8765/v1"),
        (
            "https://host/x?sig=a%2Fb=&se=2027#part",
            "https://host/x?sig=…&se=…#part",
        ),
        ("https://host/x?secret", "https://host/x?…"),
        ("ftp://me:p@ss@host/x", "ftp://…@host/x"),
    ],
)
def test_secrets_of_urls_are_left_out(url: str, public: str | None) -> None:
    line = 'url = "{}"  # as @me says: what?'
    assert without_secrets(line.format(url)) == line.format(public or url)


def test_shares_of_little_and_of_nothing() -> None:
    assert [share(0, 0), share(0, 5), share(1, 10_000), share(1, 3), share(3, 3)] == [
        "–",
        "0.0 %",
        "< 0.1 %",
        "33.3 %",
        "100.0 %",
    ]


def test_invisible_characters_go_but_for_those_that_join_letters() -> None:
    assert one_line("a\u202eb\r\n c\x00\ud800d می\u200cخواهم") == "a b c d می\u200cخواهم"
