# One command each. They need Python 3.11 or later, make, and PyPI on the first run.
PYTHON ?= $(firstword $(foreach p,python3 python3.13 python3.12 python3.11,$(shell \
	$(p) -c 'import sys; sys.version_info >= (3, 11) and print("$(p)")' 2>/dev/null)))
BIN := .venv/bin
INSTALLED := .venv/.installed
TESTED := .venv/.installed-test
BENCHED := .venv/.installed-bench
DEPLOYED := .venv/.installed-deploy

.PHONY: demo test lint bench check picture lock sbom clean

demo: $(INSTALLED)  ## serve the synthetic stories on http://127.0.0.1:8000
	$(BIN)/cdshooks serve --demo

test: $(TESTED)  ## every test
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist worksteal

lint: $(TESTED)  ## style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy --strict cdshooks

bench: $(BENCHED)  ## how fast it is, as tables; writes benchmarks.json
	$(BIN)/python -m benchmarks --json benchmarks.json

check: $(INSTALLED)  ## the card library
	$(BIN)/cdshooks check

picture: $(INSTALLED)  ## docs/images, with Chromium
	$(BIN)/python docs/pictures.py

lock: $(DEPLOYED)  ## requirements.lock from pyproject.toml: exact versions with hashes, from PyPI
	$(BIN)/uv pip compile pyproject.toml --extra postgres --universal --python-version 3.11 --generate-hashes \
	  --default-index https://pypi.org/simple --no-emit-index-url --no-annotate --upgrade --quiet \
	  --custom-compile-command "make lock" --output-file requirements.lock

sbom: $(DEPLOYED)  ## sbom.json, a CycloneDX list of what an image is built from
	$(BIN)/cyclonedx-py requirements requirements.lock --pyproject pyproject.toml --output-reproducible \
	  --output-file sbom.json

clean:
	rm -rf .venv

$(BIN)/python:
	@test -n "$(PYTHON)" || { echo "Python 3.11 or later is needed: make PYTHON=/path/to/python3.11 ..." >&2; exit 1; }
	$(PYTHON) -m venv .venv

# Installed again only when pyproject.toml changed.
$(INSTALLED): pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e .
	touch $@

$(TESTED): pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[test]'
	touch $@ $(INSTALLED)

$(BENCHED): pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[bench]'
	touch $@ $(INSTALLED)

$(DEPLOYED): pyproject.toml | $(BIN)/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -e '.[deploy]'
	touch $@ $(INSTALLED)
