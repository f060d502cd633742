# One command for each thing. Every target installs what it needs itself, and only when it is missing.
#   NODE=24    run with that Node, taken from the npm registry (22 and 24 are known to work)
#   ONLY=glob  make test: only these compiled files, for example ONLY='dist/test/cli/**'; make bench: ONLY='etcd'
#   KEEP=1     make demo: leave the lab up afterwards

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

NODE ?=
ONLY ?=
KEEP ?=
SEED ?= 1

# A chosen Node comes first on the PATH, so that agents and tools started by tests use it as well.
WITH_NODE = node_directory="$$(make/node $(NODE))"; export PATH="$$node_directory:$$PATH";

.PHONY: help demo test build check bench sim sim-soak clean modules system

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## /  make \1\t/' | expand -t 18

demo: build system ## a three-node lab, shown step by step; KEEP=1 leaves it up
	@$(WITH_NODE) KEEP='$(KEEP)' node --enable-source-maps dist/src/lab/demo/index.js

test: build system ## every test; the last line counts them; NODE=24 picks a Node, ONLY=glob picks tests
	@$(WITH_NODE) ONLY='$(ONLY)' node --enable-source-maps dist/test/run/index.js

build: modules ## compile to dist/
	@$(WITH_NODE) make/prune; node_modules/.bin/tsc -p .; make/bundle

check: build ## format, lint, types, tidy
	@$(WITH_NODE) node_modules/.bin/prettier --check --log-level warn .
	@$(WITH_NODE) node_modules/.bin/eslint --max-warnings 0 .
	@$(WITH_NODE) node_modules/.bin/ava dist/test/tidy.test.js

bench: build system ## benchmarks, as ratios
	@$(WITH_NODE) ETCD="$$(make/etcd)" node --enable-source-maps dist/bench/index.js $(ONLY)

sim: build ## one simulator run, the same for the same SEED=n
	@$(WITH_NODE) node --enable-source-maps dist/test/sim/main.js one $(SEED)

sim-soak: build ## simulator runs from SEED=n on, until stopped or one fails
	@$(WITH_NODE) node --enable-source-maps dist/test/sim/main.js soak $(SEED)

clean: ## remove what the other targets made (dist/, build/, node_modules/, .cache/, coverage/)
	@if [ -e /run/hawser-lab/lab.json ] && [ -f dist/src/cli/index.js ]; then bin/hawser lab down; fi
	@rm -rf dist build node_modules .cache coverage

modules:
	@make/modules

system:
	@make/system
