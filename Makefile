# One command for each thing that people and CI do here. Every target sets itself up: a virtual environment in
# .venv, filled from the lock files; a second run finds it ready and begins at once.
.DEFAULT_GOAL := help
.PHONY: help demo test test-browser-full pictures check lint types imports locks audit coverage bench bench-full fault fuzz lock migration clean
SHELL := /bin/sh
MAKEFLAGS += --no-print-directory

# Which tests `make test` runs, with how many processes, and further words for pytest.
TESTS ?= tests
WORKERS ?= 0
PYTEST ?=
KEEP ?=
JSON ?=
MEASURE ?=
# How long `make fuzz` goes on.
SECONDS ?= 600

BIN := .venv/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
COMPILE := $(BIN)/pip-compile --quiet --generate-hashes --allow-unsafe --strip-extras --no-header \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options

help:
	@echo "make demo        four organisations' nodes on this machine, and one journey between them (KEEP=1: leave them up, with a"
	@echo "                 year in them and an account for each role; JSON=1: for a program)"
	@echo "make test        all tests (TESTS=tests/unit: some of them; WORKERS=2: in two processes)"
	@echo "make test-browser-full   every page in every language, at four widths, light and dark, with and without scripts"
	@echo "make pictures    the pictures of README, made anew from invented people"
	@echo "make check       what CI asks: style, types, import directions, tests with coverage, known vulnerabilities"
	@echo "make bench       speed, as a table and as JSON (bench-full: with a million cases and events)"
	@echo "make fault       long loops of kills, cuts, restores, and histories of consent (fuzz: long loops of garbage input)"
	@echo "make lock        choose package versions anew and write the lock files"
	@echo "make migration   write a migration from the tables: make migration TITLE='Add the table of sites'"
	@echo "make clean       remove what these commands made"

# -- what people run

demo: .venv/.ready
	@$(BIN)/iars demo $(if $(KEEP),--keep) $(if $(JSON),--json)

# With MEASURE=1 the same tests note which lines they ran, for `make check` to judge.
test: .venv/.ready-to-develop
	@echo "Running the tests in $(TESTS)."
	@$(if $(MEASURE),$(BIN)/coverage erase)
	@$(BIN)/$(if $(MEASURE),coverage run,python) -m pytest $(TESTS) -n $(WORKERS) --dist worksteal $(PYTEST)
	@$(if $(MEASURE),$(BIN)/coverage combine --quiet)

# Hours rather than minutes; the pictures go to screenshots/. In CI: English and Arabic, 320 and 1280 px.
test-browser-full: .venv/.ready-to-develop
	@IARS_TESTS_BROWSER=full $(MAKE) test TESTS=tests/browser

# They show invented people. A test tells when the pages have changed since.
pictures: .venv/.ready-to-develop
	@IARS_TESTS_PICTURES=1 $(BIN)/python -m pytest tests/browser/test_pictures.py $(PYTEST)

check: lint types imports locks coverage audit
	@echo "All checks passed."

bench: .venv/.ready-to-develop
	@$(BIN)/python -m tests.bench

bench-full: .venv/.ready-to-develop
	@$(BIN)/python -m tests.bench --full

fault: .venv/.ready-to-develop
	@echo "Running the fault tests with 5,000 referrals, 300 MB and 100,000 histories; CI runs the same code with"
	@echo "100, 64 MB and 500."
	@IARS_TESTS_REFERRALS=5000 IARS_TESTS_ATTACHMENT_MB=300 IARS_TESTS_HISTORIES=$${IARS_TESTS_HISTORIES:-100000} \
		$(BIN)/python -m pytest tests/federation -m fault $(PYTEST)

fuzz: .venv/.ready-to-develop
	@echo "Feeding garbage to everything that parses bytes from outside."
	@$(BIN)/python -m tests.fuzz --seconds $(SECONDS)

# -- the parts of `make check`

lint: .venv/.ready-to-develop
	@echo "Style: ruff."
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check

types: .venv/.ready-to-develop
	@echo "Types: mypy, strict."
	@$(BIN)/mypy

imports: .venv/.ready-to-develop
	@echo "Import directions: import-linter."
	@PYTHONPATH=protocol:node:admin $(BIN)/lint-imports --no-cache >.venv/imports.txt || { cat .venv/imports.txt; exit 1; }

locks:
	@echo "Lock files: hashes for every package, no address of any index."
	@! grep -nE '://|--(extra-)?index|--find-links|--trusted' requirements.lock requirements-dev.lock

coverage: .venv/.ready-to-develop
	@if test -f .coverage && test -z "$$(find protocol node admin tests -type f -newer .coverage -name '*.py')"; \
		then echo "Nothing changed since the tests were last measured."; else $(MAKE) test MEASURE=1; fi
	@echo "Coverage: at least 95 % of everything, all of the protocol."
	@$(BIN)/coverage report --fail-under=95
	@$(BIN)/coverage report --include='*/iars_protocol/*' --fail-under=100

audit: .venv/.ready-to-develop
	@echo "Known vulnerabilities: pip-audit."
	@$(BIN)/python .ci/audit.py requirements.lock requirements-dev.lock

# -- changing what the project stands on

# The oldest Python that is supported writes the locks: what it needs, the newer ones can install as well.
lock: .venv/.ready-to-develop
	@$(BIN)/python -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11) and \
		"The lock files are written with Python 3.11: make clean, then make lock PYTHON=python3.11")'
	@echo "Choosing package versions; this takes a few minutes."
	@$(COMPILE) --upgrade --extra build -o requirements.lock pyproject.toml
	@$(COMPILE) --upgrade --extra build --extra dev -c requirements.lock -o requirements-dev.lock pyproject.toml
	@$(MAKE) locks

migration: .venv/.ready-to-develop
	@test -n "$(TITLE)" || { echo "Say what it adds: make migration TITLE='Add the table of sites'"; exit 1; }
	@$(BIN)/python -m iars_node.migrations "$(TITLE)"
	@$(BIN)/ruff check --quiet --fix node/iars_node/migrations/versions
	@$(BIN)/ruff format --quiet node/iars_node/migrations/versions
	@echo "Read it before you keep it; then: make test TESTS=tests/integration/test_migrations.py"

clean:
	@echo "Removing .venv and everything else that was made here."
	@rm -rf .venv build dist htmlcov demo-run bench-results screenshots .coverage .coverage.*
	@rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	@find protocol node admin tests -name __pycache__ -type d -prune -exec rm -rf {} +

# -- set-up; each stamp is newer than what it was made from, or is made again

.venv/.made:
	@.ci/venv $(PYTHON)
	@touch $@

.venv/.packages: .venv/.made requirements.lock
	@echo "Installing the packages that a node runs on (checked against their hashes)."
	@$(PIP) install --require-hashes -r requirements.lock
	@touch $@

.venv/.ready: .venv/.packages pyproject.toml
	@echo "Installing IARS itself from this folder."
	@$(PIP) install --no-deps --no-build-isolation --editable .
	@touch $@

.venv/.ready-to-develop: .venv/.ready requirements-dev.lock
	@echo "Installing the packages that its tests need (checked against their hashes)."
	@$(PIP) install --require-hashes -r requirements-dev.lock
	@touch $@
