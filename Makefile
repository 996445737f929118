# Everything below works from a fresh clone with nothing but Python >= 3.11 and make.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.done
PURE := intake/model/*,intake/mail/*,intake/catalogue/*,intake/authentication/*,intake/parsers/*,intake/notifier.py,intake/triage/*,intake/letters/*,intake/incidents/*

.PHONY: setup install demo test check gates format words bench bench-peers pictures lock servers clean

setup: $(STAMP)

$(STAMP): requirements-dev.txt pyproject.toml
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("intake needs Python 3.11 or newer; this is %s. Set PYTHON=…" % sys.version.split()[0])'
	@$(PYTHON) -m venv $(VENV)
	@echo "installing the pinned requirements …"
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes -r requirements-dev.txt
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@$(BIN)/python -m compileall -q -j 0 $(VENV)/lib intake || true
	@touch $@

# For operators: the command and its pinned requirements, without anything for developers.
PREFIX ?= /opt/intake
install:
	$(PYTHON) -m venv $(PREFIX)
	$(PREFIX)/bin/python -m pip install --disable-pip-version-check --require-hashes -r requirements.txt
	$(PREFIX)/bin/python -m pip install --disable-pip-version-check --no-deps .
	@mkdir -p $(PREFIX)/share/man/man1
	@$(PREFIX)/bin/intake config man > $(PREFIX)/share/man/man1/intake.1
	@echo "installed: $(PREFIX)/bin/intake and its manual page"

demo: setup
	@$(BIN)/intake demo

servers:
	@sh tests/support/install_servers.sh

test: setup servers
	$(BIN)/python -m pytest

# The servers are installed while the code is checked: one waits for the network, one for the processor.
check:
	@$(MAKE) --no-print-directory -j 2 servers gates
	@echo "== tests, with the branch coverage of the pure rooms (tests/conftest.py says of which)"
	@rm -f .coverage .coverage.*
	@$(BIN)/python -m coverage run -m pytest
	@$(BIN)/python -m coverage combine -q
	@echo "== branch coverage of the pure rooms, at least 95 %"
	@$(BIN)/python -m coverage report --include="$(PURE)" --fail-under=95

gates: setup
	@echo "== format";    $(BIN)/ruff format --check .
	@echo "== lint";      $(BIN)/ruff check .
	@echo "== types";     $(BIN)/mypy
	@echo "== contracts"; $(BIN)/lint-imports --no-cache

# The words that ship with the catalogue, learned from the prose mails of the tests.
words: setup
	$(BIN)/intake catalogue learn --out intake/catalogue_words.txt \
	  $(foreach file,$(sort $(wildcard tests/parsers/prose/*.jsonl)),--mails $(file))

format: setup
	@$(BIN)/ruff format . && $(BIN)/ruff check --fix .

bench: setup
	$(BIN)/python -m bench

# Beside its peers, whole processes over Dovecot and smtp-sink; the table is in bench/results.
bench-peers: setup servers
	$(BIN)/python -m bench.peers

# The pictures of README.md; they need Chromium.
pictures: setup servers
	@$(BIN)/python -m bench.pictures

# New pins from pyproject.toml; the files name no index.
COMPILE := $(BIN)/uv pip compile --quiet --no-config --python-version 3.11 --generate-hashes --no-emit-index-url --no-emit-find-links --no-annotate --no-header --upgrade
lock: setup
	$(COMPILE) --extra demo pyproject.toml -o requirements.txt
	$(COMPILE) --extra demo --extra postgres --group dev -c requirements.txt pyproject.toml -o requirements-dev.txt

clean:
	rm -rf $(VENV) .coverage .coverage.* .mypy_cache .pytest_cache .ruff_cache .hypothesis build *.egg-info
