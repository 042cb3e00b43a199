"""Layout `parquet`: tables with the pictures in them, as Hugging Face's `datasets` writes them.

Every file has the same columns: `image` (bytes and file name of the picture), `label` (the number
of its class), `label_name`, and the values of its record. The schema's metadata says that `image`
is an Image and `label` a ClassLabel with the names of all classes.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from importers.record import Record
from importers.training_storage.layouts import Contents, Output
from importers.training_storage.layouts.folders import class_names
from importers.training_storage.layouts.packed import Packing, columns, flat, lay_out_packed
from ls_backend.errors import StorageError

_VERSION = "parquet 1"
"""To be counted up with every change of what the same records give."""
_GROUP_ROWS = 100
_GROUP_BYTES = 32 * 2**20
"""Rows, and bytes of their pictures, that readers have to take at once."""
_RENAMED = {"label", "class_id"}
"""What a record calls `label_name` and `label` here."""


def lay_out(contents: Contents, out: Output) -> None:
    """Write `parquet/<split>-<prefix>-<content>.parquet`, and `<split>.txt` with their paths.

    Raises:
        StorageError: pyarrow is not installed.
    """
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError as error:
        raise StorageError(
            f"The layout parquet cannot be written: {error}",
            hint="Install what it needs: pip install 'label-studio-clip[parquet]'",
        ) from error
    names = class_names(contents.classes)
    schema = _schema(names)
    pack = partial(_table, schema=schema, out=out)
    lay_out_packed(contents, out, Packing("parquet", "parquet", [_VERSION, *names], pack))


def _schema(names: Sequence[str]) -> Any:
    import pyarrow as pa

    types = {
        "text": pa.string(),
        "integer": pa.int64(),
        "real": pa.float64(),
        "truth": pa.bool_(),
        "texts": pa.list_(pa.string()),
        "json": pa.string(),
    }
    features = {
        "image": {"_type": "Image"},
        "label": {"names": list(names), "_type": "ClassLabel"},
    }
    fields = {
        "image": pa.struct({"bytes": pa.binary(), "path": pa.string()}),
        "label": pa.int64(),
        "label_name": pa.string(),
        **{name: types[kind] for name, kind in columns().items() if name not in _RENAMED},
    }
    # `datasets` finds the types of the other columns by itself.
    return pa.schema(fields, {"huggingface": json.dumps({"info": {"features": features}})})


def _table(records: Sequence[Record], schema: Any, out: Output) -> bytes:
    import pyarrow as pa
    from pyarrow import parquet

    file = io.BytesIO()
    # Dictionaries of pictures, no two of which are equal, would double them.
    with parquet.ParquetWriter(file, schema, compression="zstd", use_dictionary=False) as writer:
        for group in _groups(records):
            rows = [_row(record, out) for record in group]
            writer.write_table(pa.Table.from_pylist(rows, schema))
    return file.getvalue()


def _groups(records: Sequence[Record]) -> Iterator[list[Record]]:
    group: list[Record] = []
    for record in records:
        size = sum(other.bytes for other in group) + record.bytes
        if group and (len(group) == _GROUP_ROWS or size > _GROUP_BYTES):
            yield group
            group = []
        group.append(record)
    yield group


def _row(record: Record, out: Output) -> dict[str, Any]:
    values = flat(record)
    label, number = values.pop("label"), values.pop("class_id")
    image = {"bytes": out.image(record), "path": record.file_name}
    return {"image": image, "label": number, "label_name": label, **values}
