# Two commands: `make demo` and `make test`. Both need only Python 3.10 or newer, git and make,
# work from any folder, and need no network once they have run.

PYTHON ?= python3
HERE := $(shell cd "$$(dirname '$(subst ','\'',$(strip $(MAKEFILE_LIST)))')" && pwd)
IN = cd "$(HERE)" &&
VENV = .venv/bin/python

.PHONY: demo test check venv venv-dev environments editors clean

demo: venv
	@$(IN) $(VENV) -m flowmill demo

test: venv-dev environments editors check
	@$(IN) $(VENV) -m pytest -n 2 $(ARGS)

check: venv-dev
	@$(IN) $(VENV) -m ruff check && $(VENV) -m ruff format --check && $(VENV) -m basedpyright --level error

venv:
	@$(IN) PYTHON='$(PYTHON)' sh .ci/venv ''

venv-dev:
	@$(IN) PYTHON='$(PYTHON)' sh .ci/venv '[dev]'

# Environments as users have them, for the runner's tests: plugins, and every Python that is here.
environments: venv-dev
	@$(IN) $(VENV) .ci/environments/make.py

# The editors that are driven by tests; on a user's machine those that are there are taken.
editors:
	@$(IN) sh .ci/editors/install.sh

clean:
	@$(IN) rm -rf .venv .pytest_cache .ruff_cache
