# Every target sets up what it needs; see README.md. `make help` lists them.
PYTHON ?= python3
BIN := .venv/bin
RECOUPLE := $(BIN)/recouple

.DEFAULT_GOAL := help
.PHONY: help setup demo nightly dev explore browser postgres servers clients ray superset dashboard test coverage check format bench lock clean

help:  ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## /{printf "make %-9s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: .venv/.complete  ## create .venv with everything pinned

.venv/.complete: requirements.lock pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Recouple needs Python 3.11 or newer: install it, or name it with make PYTHON=python3.11" >&2; exit 2; }
	@echo "setting up .venv (a few minutes the first time)" >&2
	@$(PYTHON) -m venv .venv
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	@touch $@

demo: setup  ## the whole pipeline, offline, on the bundled simulated market
	@$(RECOUPLE) demo

nightly: setup  ## the nightly run on the configured source (RECOUPLE_SOURCE)
	@$(RECOUPLE) nightly

dev: setup  ## Dagster UI and daemon on 127.0.0.1:3000
	@$(RECOUPLE) dev

explore: setup  ## a local page to question the marts with, on 127.0.0.1:3100
	@$(RECOUPLE) explore

# The tests of the brief and of the UI look at them in Debian's chromium; RECOUPLE_CHROMIUM names another one.
CHROMIUM = $(or $(RECOUPLE_CHROMIUM),$(shell command -v chromium))
AS_ROOT = $(if $(filter 0,$(shell id -u)),,sudo)
APT = $(AS_ROOT) env DEBIAN_FRONTEND=noninteractive apt-get --quiet --quiet

browser:  ## the browser that the tests use, installed where it is missing
	@test -x "$(CHROMIUM)" || { echo "installing chromium (the tests look at the pages in it)" >&2; \
	said=$$({ $(APT) update && $(APT) install --yes --no-install-recommends chromium; } 2>&1) || { \
		echo "No chromium, and apt-get could not install it: install it, or name a chromium or chrome with" \
			"make test RECOUPLE_CHROMIUM=/path/to/it" >&2; \
		echo "$$said" | tail -n 5 >&2; exit 2; }; }

# The tests keep Dagster's runs in a PostgreSQL of their own on loopback, and hold the alert rules against Prometheus.
postgres:  ## the PostgreSQL that the tests start, installed where it is missing
	@ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 || command -v initdb >/dev/null || { \
	echo "installing PostgreSQL (the tests start one of their own)" >&2; \
	said=$$({ $(APT) update && $(APT) install --yes --no-install-recommends postgresql; } 2>&1) || { \
		echo "No PostgreSQL, and apt-get could not install it: its tests will be skipped" >&2; \
		echo "$$said" | tail -n 5 >&2; }; }

# Debian's own programs, which the tests hold the files of deploy/ against: unpacked beside the other clients, because
# installed they would be started. They need no rights, and go with the folder.
SERVERS = nginx logrotate libpopt0 openssl prometheus caddy docker-compose systemd libsystemd-shared
UNPACKED = .venv-clients/debian

servers: $(UNPACKED)/.complete  ## the programs that read deploy/, unpacked where they are missing

$(UNPACKED)/.complete: Makefile
	@mkdir -p $(@D)
	@cd $(@D) && { apt-get -qq download $(SERVERS) 2>/dev/null \
		|| { $(APT) update && apt-get -qq download $(SERVERS); } >/dev/null 2>&1; } \
		&& for package in *.deb; do dpkg -x "$$package" . && rm "$$package"; done && touch .complete \
		|| echo "apt-get could not fetch $(SERVERS): tests that need them will be skipped" >&2

# DuckDB clients of other versions and another language, each in an environment of its own.
CLIENTS := $(patsubst %,.venv-clients/%/.complete,duckdb-1.4 duckdb-1.5 duckdb-newest duckdb-httpfs node/node_modules)

clients: $(CLIENTS)  ## the other DuckDB clients that the tests read the marts with

# Ray has one too; its test takes minutes and is skipped where this has not been made.
ray: .venv-clients/ray/.complete  ## Ray, for the tests and benchmarks of a cluster

# Superset as well, for the benchmark that opens the dashboard of docs/bi in it.
superset: .venv-clients/superset/.complete  ## Superset, for the benchmark that looks at its dashboard

dashboard: setup  ## superset.zip in the home: the charts of docs/bi, for Superset to import
	@$(BIN)/python docs/bi/superset.py $(or $(RECOUPLE_HOME),data)/serving.duckdb $(or $(RECOUPLE_HOME),data)/superset.zip
	@echo "$(or $(RECOUPLE_HOME),data)/superset.zip"

.venv-clients/node/node_modules/.complete: .venv-clients/node/.complete $(wildcard tests/serving/clients/node/*)
	@cp tests/serving/clients/node/* .venv-clients/node/
	@cd .venv-clients/node && PATH="$$PWD/bin:$$PATH" npm install --no-save --silent --no-audit --no-fund
	@touch $@

.venv-clients/%/.complete: tests/serving/clients/%.lock
	@$(PYTHON) -m venv $(@D)
	@$(@D)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement $<
	@touch $@

test: setup browser postgres clients servers  ## all tests
	@$(BIN)/pytest -n 2 --dist loadfile

coverage: setup browser postgres clients servers  ## all tests, with the share of lines they reach
	@$(BIN)/pytest -n 2 --dist loadfile --cov=pipelines --cov=assets --cov=quant --cov-report=term:skip-covered

check: setup  ## format, lint, types, dependency rule, SQL lint, contracts vs docs
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports
	@$(BIN)/sqlfluff lint --nocolor sql
	@$(RECOUPLE) dictionary --check

format: setup  ## put everything into the house format
	@$(BIN)/ruff format .
	@$(BIN)/ruff check --fix .
	@$(BIN)/sqlfluff fix --nocolor --quiet sql

bench: .venv/.bench ray superset  ## benchmarks, as ratios measured in one run
	@$(BIN)/python -m benchmarks

.venv/.bench: .venv/.complete requirements-bench.lock
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement requirements-bench.lock
	@touch $@

PIN = uv pip compile --quiet --no-header --generate-hashes --universal --python-version 3.11 --no-emit-index-url \
	--no-strip-extras
PINNED = '\# Exact versions with hashes for every supported platform. Made by `make lock`; do not edit.'

lock:  ## pin every requirement anew (needs uv)
	@{ echo $(PINNED); $(PIN) --extra dev pyproject.toml; } > .lock
	@mv .lock requirements.lock
	@{ echo $(PINNED); \
		$(PIN) --extra dev --extra bench --constraint requirements.lock pyproject.toml; } > .lock
	@mv .lock requirements-bench.lock
	@for client in tests/serving/clients/*.in; do \
		{ echo $(PINNED); $(PIN) $$client; } > .lock && mv .lock $${client%.in}.lock; done

clean:  ## remove .venv and caches; data stays
	@rm -rf .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
