# One place for every task. `make` alone explains them.

PYTHON ?= python3
LABEL_STUDIO_VERSION := 1.23.2
BIN := .venv/bin
# Each has a Label Studio of its own; many tests wait for one server or another.
TEST_PROCESSES ?= 2

# Byte code is written when a module is first imported, not at set-up: most of it never is.
# Without it every process would compile PyTorch anew.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help setup demo test test-lowest lint types bench bench-backend bench-memory bench-soak bench-sketch bench-sync bench-campaign docs clean

help: ## show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: ## install everything: .venv for us, .venv-label-studio for the server
	@$(MAKE) --no-print-directory -j2 .venv/.ready .venv-label-studio/.ready

demo: setup ## run the whole loop on this machine: offline, without keys
	@$(BIN)/ls-clip demo

test: setup ## run all tests, against a real Label Studio
	@$(BIN)/python -m pytest -n $(TEST_PROCESSES) --dist loadfile

# PyTorch 2.4 to 2.8 take minutes for that one test where the processor has no bfloat16; "auto" never
# chooses it there.
test-lowest: .venv-label-studio/.ready ## run the unit tests with the lowest versions that pyproject.toml allows
	@test -x .venv-lowest/bin/python || $(PYTHON) -m venv .venv-lowest
	@.venv-lowest/bin/pip install --quiet --disable-pip-version-check uv
	@.venv-lowest/bin/uv pip compile --quiet --python .venv-lowest/bin/python --resolution lowest-direct \
		--extra s3 --extra parquet pyproject.toml --output-file .venv-lowest/lowest.txt
	@.venv-lowest/bin/uv pip install --quiet --python .venv-lowest/bin/python \
		--constraint .venv-lowest/lowest.txt --editable '.[dev]'
	@.venv-lowest/bin/python -m pytest tests/unit --deselect \
		'tests/unit/ls_backend/clip/test_clip.py::test_bfloat16_gives_the_same_answers[random_vit]'

lint: .venv/.ready ## check style
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: .venv/.ready ## check types
	@$(BIN)/mypy

bench: bench-backend bench-memory bench-sketch bench-sync ## measure everything, beside yardsticks of the same run

bench-backend: .venv/.ready ## measure the ML backend: images a second, waiting times, memory
	@$(BIN)/python -m bench.backend

bench-memory: .venv/.ready ## measure what the ML backend keeps of large images; fails above the bound
	@$(BIN)/python -m bench.memory

bench-soak: .venv/.ready ## measure half an hour of the ML backend among hostile images and connections
	@$(BIN)/python -m bench.soak

bench-sketch: .venv/.ready ## measure the tiny CLIP and the review queue on fresh drawings
	@$(BIN)/python -m bench.sketch_training.evaluate

bench-sync: setup ## measure training storage: the first sync of 10,000 tasks, and ten changes
	@$(BIN)/python -m bench.sync

bench-campaign: .venv/.ready ## measure a campaign of 1,000 images: images a second and memory
	@$(BIN)/python -m bench.campaign

docs: .venv/.ready ## write docs/commands.md and docs/campaign.md from the code
	@$(BIN)/python -m scripts.reference

clean: ## remove both environments, caches and the demo's data
	rm -rf .venv .venv-label-studio .venv-lowest .compat .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist demo
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv/.ready: pyproject.toml constraints.txt
	@echo "Setting up .venv (once; a few minutes, most of it PyTorch)"
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "Python 3.11 or newer is needed; choose one with: make PYTHON=python3.12 setup")'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@$(BIN)/pip install --quiet --no-compile --disable-pip-version-check --constraint constraints.txt --editable '.[dev]'
	@touch $@

.venv-label-studio/.ready: constraints-label-studio.txt
	@echo "Setting up .venv-label-studio (Label Studio $(LABEL_STUDIO_VERSION))"
	@test -x .venv-label-studio/bin/python || $(PYTHON) -m venv .venv-label-studio
	@.venv-label-studio/bin/pip install --quiet --no-compile --disable-pip-version-check \
		--constraint constraints-label-studio.txt label-studio==$(LABEL_STUDIO_VERSION)
	@touch $@
