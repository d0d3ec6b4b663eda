# SPDX-License-Identifier: GPL-3.0-or-later
#
# Sets T-Mon up and runs it, on a machine that has Python 3.11 or newer and nothing else of ours.
#
#   make serve    set everything up and serve a demo on http://127.0.0.1:8000
#   make test     set everything up and run every test        (ARGS="-k envelope" runs some)
#   make lint     format, rules, types, and who may import whom
#   make bench    measure                                      (ARGS=... are the benchmark's own)
#   make web      fetch and build the third-party parts anew
#   make clean    remove everything that make made (not the data in ./var)
#
# ARGS go to the program that is run. PYTHON=... chooses the interpreter for a new .venv.

VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
BUILT := static/built/manifest.json
ARGS ?=

# The first of these that runs and is new enough (a name alone proves nothing: it may be a shim).
CANDIDATES := python3 python3.14 python3.13 python3.12 python3.11 python
NEW_ENOUGH := import sys; sys.exit(sys.version_info < (3, 11))

.DELETE_ON_ERROR:
.PHONY: help setup serve test lint bench web clean

help:
	@sed -n '5,12s/^# *//p' Makefile

# Made again when what is installed changes; otherwise the stamp makes this instant.
setup: $(READY)

$(READY): pyproject.toml setup.py package.json package-lock.json
	@set -eu; \
	python=; \
	for name in $${PYTHON:-$(CANDIDATES)}; do \
	    if "$$name" -c '$(NEW_ENOUGH)' 2>/dev/null; then python=$$name; break; fi; \
	done; \
	if [ -z "$$python" ]; then \
	    echo "T-Mon needs Python 3.11 or newer; none of these is: $${PYTHON:-$(CANDIDATES)}" >&2; \
	    echo "Install one, or name it: make PYTHON=/path/to/python3.11 $(MAKECMDGOALS)" >&2; exit 1; \
	fi; \
	if [ -e $(VENV) ] && ! $(BIN)/python -c '$(NEW_ENOUGH)' 2>/dev/null; then rm -rf $(VENV); fi; \
	if [ ! -x $(BIN)/pip ]; then \
	    echo "Making $(VENV) with $$("$$python" --version)"; \
	    if "$$python" -c 'import venv, ensurepip' 2>/dev/null; then \
	        "$$python" -m venv $(VENV); \
	    elif "$$python" -c 'import venv, pip' 2>/dev/null; then \
	        "$$python" -m venv --without-pip $(VENV); \
	        "$$python" -m pip --python $(BIN)/python install --quiet pip; \
	    else \
	        echo "$$python can make no virtual environment: it lacks the modules venv and ensurepip." >&2; \
	        echo "On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; \
	    fi; \
	fi
	@echo "Installing T-Mon and what it needs into $(VENV) (the first time takes a minute or two)"
	@if [ -n "$${TMON_BUILD_WITHOUT_GEOIP:-}" ]; then \
	    echo "WITHOUT GeoIP data if there is none yet: TMON_BUILD_WITHOUT_GEOIP is set" >&2; \
	fi
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --editable '.[server,sensor,logs,dev]'
	@touch $@

# Scripts and style sheets are bundled again when one has changed.
$(BUILT): $(READY) $(shell find static/js static/css -type f)
	@$(BIN)/python setup.py --quiet parts

serve: $(BUILT)
	@exec $(BIN)/tmon serve --demo $(ARGS)

# Compiled here, once: where PYTHONDONTWRITEBYTECODE is set, as in many containers, each of the hundreds of processes
# that the tests start would compile what it imports (`tmon serve` takes 0.72 s of the processor in place of 0.92 s).
test: $(BUILT)
	@$(BIN)/python setup.py --quiet parts --for-tests
	@$(BIN)/python -m compileall -q src
	@$(BIN)/python -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile $(ARGS)

lint: $(READY)
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy
	$(BIN)/lint-imports

bench: $(BUILT)
	@$(BIN)/python -m tests.bench $(ARGS)

web: $(READY)
	@$(BIN)/python setup.py --quiet parts --force

clean:
	rm -rf $(VENV) build dist node_modules static/vendor static/built src/tmon.egg-info
	rm -rf .hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find src tests -name __pycache__ -type d -prune -exec rm -rf {} +
