"""Requirements with the lowest versions that pyproject.toml allows, for pip:

    python -m scripts.lowest > lowest.txt && pip install --constraint lowest.txt --editable .

Owns which dependencies those are: all direct ones, and those of the extras that tests need.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable, Iterator
from pathlib import Path

from packaging.requirements import Requirement

PYPROJECT = Path(__file__).parents[1] / "pyproject.toml"
EXTRAS = ("s3", "parquet", "transformers")


def lowest(requirements: Iterable[str]) -> Iterator[str]:
    """Each requirement that has a lowest version, pinned to it; see PEP 508."""
    for requirement in map(Requirement, requirements):
        for bound in requirement.specifier:
            if bound.operator == ">=":
                marker = f"; {requirement.marker}" if requirement.marker else ""
                yield f"{requirement.name}=={bound.version}{marker}"


def main() -> None:
    """Print them, a line each."""
    project = tomllib.loads(PYPROJECT.read_text(encoding="utf-8"))["project"]
    extras = [line for name in EXTRAS for line in project["optional-dependencies"][name]]
    print(*lowest([*project["dependencies"], *extras]), sep="\n")


if __name__ == "__main__":
    main()
