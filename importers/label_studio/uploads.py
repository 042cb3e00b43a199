"""Image files → Label Studio's own storage, many in one request.

The first half of its two-step upload: the files go up without becoming tasks, and are then named in
the data of the tasks that we import.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from ls_backend.errors import LabelStudioError
from ls_backend.label_studio import LabelStudio

MOST_FILES = 100  # Label Studio answers 500 to more
MOST_BYTES = 64 * 2**20  # it takes 250 MB; a request is built in memory


def upload(ls: LabelStudio, project_id: int, files: Mapping[str, Path]) -> Iterator[dict[str, str]]:
    """Upload the file of each key; yields, after each request, what it brought.

    Yields:
        Key → path under which Label Studio serves the file, as task data names it.

    Raises:
        LabelStudioError: it refuses a file, or loses one.
    """
    for part in _parts(files):
        yield dict(zip(part, _upload_part(ls, project_id, list(part.values())), strict=True))


def _upload_part(ls: LabelStudio, project_id: int, files: list[Path]) -> list[str]:
    # Label Studio keeps only the last of two fields with the same name.
    fields = {f"file{i:03d}": (path.name, path.read_bytes()) for i, path in enumerate(files)}
    what = f"upload {len(files)} images to project {project_id}"
    answer = ls.json(
        "POST",
        f"/api/projects/{project_id}/import",
        what=what,
        params={"commit_to_project": "false"},
        files=fields,
    )
    ids = answer.get("file_upload_ids") or []
    if len(ids) != len(files):
        raise LabelStudioError(
            f"Could not {what}: {ls.url} kept {len(ids)} of them.",
            hint="Run this again; its log may say why.",
            code="label_studio_upload_lost",
        )
    stored = ls.json(
        "GET",
        f"/api/projects/{project_id}/file-uploads",
        what=f"find the uploads of project {project_id}",
        params={"ids": json.dumps(ids)},
    )
    path_of = {row["id"]: f"/data/{row['file']}" for row in stored}
    return [path_of[upload_id] for upload_id in ids]


def _parts(files: Mapping[str, Path]) -> Iterator[dict[str, Path]]:
    part: dict[str, Path] = {}
    size = 0
    for key, path in files.items():
        weight = path.stat().st_size
        if part and (len(part) == MOST_FILES or size + weight > MOST_BYTES):
            yield part
            part, size = {}, 0
        part[key] = path
        size += weight
    if part:
        yield part
