from __future__ import annotations

import pytest

from importers.training_storage.records import name_of_source


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("/data/upload/3/1a2b3c4d-my cat.png", "my cat.png"),
        ("http://studio.lan/base/data/upload/3/1a2b3c4d-caf%C3%A9.png", "café.png"),
        ("/data/upload/3/plain.png", "plain.png"),
        ("/data/local-files/?d=photos/my%20cat.png", "my cat.png"),
        ("https://example.org/a/b%20c.jpg?width=3#top", "b c.jpg"),
        ("s3://bucket/pets/1.webp", "1.webp"),
        ("https://example.org/", None),
        ("data:image/png;base64,AAAA/BBBB", None),
        ("http://[broken", None),
        ("", None),
    ],
)
def test_the_name_that_a_file_had(source: str, name: str | None) -> None:
    assert name_of_source(source) == name
