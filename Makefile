# Every habit of this project, one line of help each: `make help`.

SHELL := /bin/bash
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules --no-print-directory

PORT ?= 8000
ENV ?= staging
ARCHITECTURE ?= arm64
DATA ?=
BRAND ?= brand/demo.toml
CATALOGUE ?= layers/portal/portal/repairs/catalogue.json

PYTHON := python3.13
DEV := .venvs/dev
SAM := .venvs/sam
MINISTACK := .venvs/ministack
NODE_MODULES := frontend/node_modules/.stamp
RUN_READY := $(DEV)/.stamp $(SAM)/.stamp $(MINISTACK)/.stamp $(NODE_MODULES)
CHROMIUM := $(shell command -v chromium || command -v chromium-browser)
LOCAL := $(DEV)/bin/python -m infra.local
PYTEST := $(DEV)/bin/python -m pytest
CLEAN_SAM := env -u AWS_PROFILE SAM_CLI_TELEMETRY=0 AWS_DEFAULT_REGION=eu-west-2

# --- set-up -------------------------------------------------------------------------------------------------------

.PHONY: help
help: ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## Install everything that the project needs: three Python environments, the frontend's packages, a browser
	@$(MAKE) -s -j 4 $(RUN_READY)
	@$(MAKE) browser

.PHONY: tools
tools:
	@command -v $(PYTHON) >/dev/null && $(PYTHON) -c '' 2>/dev/null || { \
		echo "Python 3.13 is missing: no $(PYTHON) that runs was found on the path. Install it, then try again."; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' 2>/dev/null || { \
		echo "Python 3.13 cannot make environments: install its venv package (on Debian: python3.13-venv)."; exit 1; }
	@command -v node >/dev/null && command -v npm >/dev/null || { \
		echo "Node is missing: node and npm were not found on the path. Install Node 20 or newer, then try again."; exit 1; }
	@node -e 'process.exit(parseInt(process.versions.node) >= 20 ? 0 : 1)' || { \
		echo "Node $$(node --version) is too old: install Node 20 or newer, then try again."; exit 1; }

# A stamp is younger than its lock file when the environment holds what the lock says.
define environment
.venvs/$(1)/.stamp: requirements/$(1).txt | tools
	@echo "  Installing .venvs/$(1) (once for each requirements/$(1).txt) ..."
	@mkdir -p .venvs && $$(PYTHON) -m venv .venvs/$(1)
	@.venvs/$(1)/bin/python -m pip install --quiet --disable-pip-version-check --require-hashes \
		--requirement requirements/$(1).txt > .venvs/$(1).log 2>&1 || { \
		tail -20 .venvs/$(1).log; echo "Installing requirements/$(1).txt failed. The whole log: .venvs/$(1).log"; exit 1; }
	@touch $$@
endef
$(foreach name,dev sam ministack,$(eval $(call environment,$(name))))

$(NODE_MODULES): frontend/package-lock.json | tools
	@echo "  Installing the frontend's packages (once for each package-lock.json) ..."
	@mkdir -p .venvs && cd frontend && npm ci --no-audit --no-fund --loglevel=error > ../.venvs/npm.log 2>&1 || { \
		tail -20 ../.venvs/npm.log; echo "npm ci failed. The whole log: .venvs/npm.log"; exit 1; }
	@touch $@

.PHONY: browser
browser:
ifeq ($(CHROMIUM),)
	@if command -v apt-get >/dev/null && [ "$$(id -u)" = 0 ]; then \
		echo "  Installing Chromium, which the browser's tests drive ..."; \
		{ apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq chromium; } > .venvs/apt.log 2>&1 \
			|| { tail -20 .venvs/apt.log; echo "Installing Chromium failed. The whole log: .venvs/apt.log"; exit 1; }; \
	else \
		echo "Chromium is missing, and the browser's tests drive it. Install it (on Debian: apt-get install chromium)."; exit 1; \
	fi
endif

# --- the local stack ----------------------------------------------------------------------------------------------

.PHONY: run
run: ## Start the whole portal on this machine (PORT=8000) and load the demo landlord; Control-C stops it
	@$(MAKE) -s -j 4 $(RUN_READY)
	@exec $(LOCAL) run --port $(PORT)

.PHONY: load
load: $(DEV)/.stamp ## Put a folder of exchange files through the running stack: make load DATA=folder
	@[ -n "$(DATA)" ] || { echo "Say which folder: make load DATA=folder"; exit 1; }
	@exec $(LOCAL) load "$(DATA)"

.PHONY: logs
logs: $(DEV)/.stamp ## Collect what the running stack's functions logged, one file a function
	@exec $(LOCAL) logs

# Without ENV= it is the stack on this machine: closing the wrong portal would leave the right one open.
.PHONY: close
close: $(DEV)/.stamp ## Close the portal within a minute, with a page that says so: here, or ENV=staging, ENV=production
	@exec $(if $(findstring command,$(origin ENV)),$(DEV)/bin/python -m infra.switch close $(ENV),$(LOCAL) close)

.PHONY: open
open: $(DEV)/.stamp ## Open it again: here, or ENV=staging, ENV=production
	@exec $(if $(findstring command,$(origin ENV)),$(DEV)/bin/python -m infra.switch open $(ENV),$(LOCAL) open)

.PHONY: end-sessions
end-sessions: $(DEV)/.stamp ## Log off one person or everybody: PERSON=reference or everybody; here, or ENV=production
	@PYTHONPATH=layers/portal exec $(DEV)/bin/python -m infra.sessions $(if $(findstring command,$(origin ENV)),$(ENV),local) "$(PERSON)"

.PHONY: reset
reset: $(DEV)/.stamp ## Forget everything that was entered on this machine's stack
	@exec $(LOCAL) reset

# --- tests and checks ---------------------------------------------------------------------------------------------

.PHONY: test
test: setup ## Run every test: pages' scripts, rules, functions, templates, the stack and a real browser
	@cd frontend && npm test --silent
	@$(MAKE) test-unit
	@$(PYTEST) -n 2 --dist loadgroup -m "not long and (stack or browser)" tests

.PHONY: test-unit
test-unit: $(DEV)/.stamp $(SAM)/.stamp ## Run the tests that need no stack: rules, stores and handlers, templates
	@rm -rf build/recorded
	@RECORDED_CALLS=build/recorded $(PYTEST) -n auto --dist loadgroup -m "not (long or stack or browser or roles)" tests
	@RECORDED_CALLS=build/recorded $(PYTEST) tests/roles

.PHONY: test-long
test-long: setup ## Run the same regimes at their full sizes: once an issue
	@$(PYTEST) -m long tests

.PHONY: check
check: setup ## Check style, types, imports between domains, templates, known weaknesses, the pages' scripts
	$(DEV)/bin/ruff format --check .
	$(DEV)/bin/ruff check .
	$(DEV)/bin/mypy
	$(DEV)/bin/mypy -p infra.local --ignore-missing-imports
	for app in functions/*/app.py; do MYPYPATH=layers/portal $(DEV)/bin/mypy --strict $$app || exit 1; done
	PYTHONPATH=layers/portal $(DEV)/bin/lint-imports
	$(DEV)/bin/python -m infra.openapi --check
	$(CLEAN_SAM) $(SAM)/bin/sam validate --lint --template-file template.yaml
	$(DEV)/bin/cfn-lint template.yaml infra/site/template.yaml infra/edge/template.yaml infra/monitoring/template.yaml
	@# B310 and B506 are ruff's S310 and S506, which take a reason at the line; bandit would want its own beside it.
	$(DEV)/bin/bandit --quiet --recursive layers/portal functions frontend/*.py infra --severity-level medium --skip B310,B506
	cd frontend && npm test --silent
	@$(MAKE) audit

# The list of known weaknesses is on the network; without it this says so and does not hold up the rest.
.PHONY: audit
audit: $(DEV)/.stamp
	@$(DEV)/bin/pip-audit --disable-pip --requirement requirements/runtime.txt --progress-spinner off > .venvs/audit.log 2>&1 || true
	@if grep -q 'known vulnerabilit[a-z]* in' .venvs/audit.log; then cat .venvs/audit.log; exit 1; \
	elif grep -q '^No known vulnerabilities' .venvs/audit.log && ! grep -q 'could not be audited' .venvs/audit.log; then \
		echo "pip-audit: no known weakness in what the functions ship."; \
	else echo "pip-audit: not checked, the list of known weaknesses could not be read (.venvs/audit.log)."; fi

.PHONY: format
format: $(DEV)/.stamp ## Bring the code into the project's format
	$(DEV)/bin/ruff check --fix .
	$(DEV)/bin/ruff format .

.PHONY: catalogue
catalogue: $(DEV)/.stamp ## Check a landlord's own catalogue of repairs: make catalogue CATALOGUE=file.json
	@PYTHONPATH=layers/portal $(DEV)/bin/python -m portal.repairs.checking $(CATALOGUE)

.PHONY: performance
performance: setup ## Measure what docs/performance.md states
	@PYTHONPATH=layers/portal $(DEV)/bin/python -m tests.performance
	@echo; echo "Milliseconds of the processor to answer, without the emulated database (10 %, median, 90 %), known and unknown, their median difference and its 95 % interval"
	@PAIRS=$${PAIRS:-1000} $(PYTEST) -m long -s -p no:logging tests/integration/test_threats.py -k t4_the_time 2>/dev/null | grep '^|' || true

.PHONY: openapi
openapi: $(DEV)/.stamp ## Write the OpenAPI document from the code
	@$(DEV)/bin/python -m infra.openapi

# --- AWS ----------------------------------------------------------------------------------------------------------

.PHONY: build
build: $(DEV)/.stamp $(SAM)/.stamp $(NODE_MODULES) ## Build for AWS: ENV=staging or production, ARCHITECTURE=arm64 or x86_64
	ARCHITECTURE=$(ARCHITECTURE) BRAND=$(BRAND) CATALOGUE=$(CATALOGUE) PATH="$(CURDIR)/$(DEV)/bin:$$PATH" SAM_CLI_TELEMETRY=0 \
		$(SAM)/bin/sam build --config-env $(ENV)
	$(DEV)/bin/python -m frontend.build --brand $(BRAND) --out build/site

.PHONY: deploy
deploy: build ## Deploy that build with the credentials at hand: ENV=staging or production
	SAM_CLI_TELEMETRY=0 $(SAM)/bin/sam deploy --config-env $(ENV) --config-file samconfig.toml

# --- upkeep -------------------------------------------------------------------------------------------------------

.PHONY: lock
lock: $(DEV)/.stamp ## Lock the newest versions that requirements/*.in allow, with their hashes
	@for name in runtime passkeys pictures statements stripe dev sam ministack; do \
		$(DEV)/bin/uv pip compile --quiet --upgrade --generate-hashes --no-emit-index-url --python-version 3.13 \
			--custom-compile-command "make lock" requirements/$$name.in --output-file requirements/$$name.txt || exit 1; \
	done
	@cd frontend && npm update --package-lock-only --no-audit --no-fund

.PHONY: clean
clean: ## Remove what was built and installed, and keep what was entered
	rm -rf .venvs .aws-sam build frontend/node_modules .local/build .local/build.toml .local/site .local/site.sources .local/demo
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
