# A bare machine needs Python 3.11 or newer and make; everything lands in .venv.
# PYTHON=python3.12 make ...   another interpreter for .venv
# AIRFERRY_HOME, REQUEST_PORT (8001), RESPONSE_PORT (8000)   where `make start` lives

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
INSTALLED := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help setup demo airgap start carry stop logs test test-elasticsearch soak check bench lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-20s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(INSTALLED) ## the virtual environment with the locked packages

# The stamp is written last: an interrupted installation is done again. The lock is whole, so pip looks for nothing itself:
# it would take `coverage[toml]` for a package of its own, and the newest of it for unlocked.
$(INSTALLED): requirements/dev.txt
	@$(PYTHON) -c 'import sys; sys.version_info >= (3, 11) or sys.exit("Airferry needs Python 3.11 or newer; this is " + sys.version.split()[0] + ". Name another: make PYTHON=python3.11 ...")'
	@test -x $(PY) && $(PY) -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	$(PY) -m pip install --quiet --disable-pip-version-check --require-hashes --no-deps -r requirements/dev.txt
	$(PY) -m pip check --disable-pip-version-check
	@touch $@

demo: $(INSTALLED) ## both sites, a real crossing there and back, every answer checked
	@$(PY) -m devstack demo

airgap: $(INSTALLED) ## the same with each site in a network namespace of its own
	@$(PY) -m devstack airgap

start: $(INSTALLED) ## both sites in the background, with the sample contracts and one trip made
	@$(PY) -m devstack start

carry: $(INSTALLED) ## one trip both ways, waiting for the answers
	@$(PY) -m devstack carry

stop: $(INSTALLED) ## end what `make start` started; what the sites know stays
	@$(PY) -m devstack stop

logs: $(INSTALLED) ## follow the logs of both sites
	@$(PY) -m devstack logs

test: $(INSTALLED) ## the whole suite but for what needs Java or a browser, with its coverage
	@rm -rf build/coverage; $(PY) -m devstack.pytest --coverage build/coverage all; tests=$$?; \
	$(PY) -m coverage combine --quiet --data-file=build/coverage/combined build/coverage && \
	$(PY) -m coverage report --data-file=build/coverage/combined --skip-covered --fail-under=85; covered=$$?; \
	test $$tests -eq 0 || { echo "make test: tests failed"; exit $$tests; }; exit $$covered

test-elasticsearch: $(INSTALLED) ## the tests that need a real Elasticsearch (brought through Maven; needs Java 17)
	@$(PY) -m devstack.elasticsearch run -- $(PY) -m devstack.pytest response tests/elasticsearch

soak: $(INSTALLED) ## the hostile stick for SECONDS (600), SEED=n for the same again; then a crash at every pair of points
	@$(PY) -m tests.model.soak $(or $(SECONDS),600) $(SEED)
	@AIRFERRY_CRASH_PAIRS=all $(PY) -m devstack.pytest response tests/common/transfer/test_crashes.py -q --timeout=14400

check: $(INSTALLED) ## ruff, mypy, import contracts, migrations, check --deploy on both sites, settings page
	@$(PY) -m devstack.check

bench: $(INSTALLED) ## the ratios of docs/performance.md; writes bench/results.json
	@$(PY) -m bench

lock: $(INSTALLED) ## resolve requirements/*.in anew
	$(VENV)/bin/uv pip compile --quiet --generate-hashes --python-version 3.11 requirements/dev.in -o requirements/dev.txt
	$(VENV)/bin/uv pip compile --quiet --generate-hashes --python-version 3.11 requirements/base.in -c requirements/dev.txt -o requirements/base.txt
	$(VENV)/bin/uv pip compile --quiet --generate-hashes --python-version 3.11 requirements/prod.in -c requirements/dev.txt -o requirements/prod.txt

clean: ## stop the sites and remove their state, caches and results (not .venv)
	@if test -x $(PY); then $(PY) -m devstack stop; fi
	rm -rf "$${AIRFERRY_HOME:-.airferry}" build .mypy_cache .ruff_cache .pytest_cache .hypothesis bench/results.json
