# Two commands matter: `make run` and `make test`. Both bring what they need into this folder.
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
GATEWAY ?= 8080
export GATEWAY

.PHONY: help run test setup setup-run up down check proto release-proto train models lint types imports proof-mesh clean

help:  ## Lists the targets.
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

run: setup-run  ## Starts the mesh, analyses the sample photo, stays up. ONCE=1 ends by itself.
	@$(BIN)/assay demo $(if $(ONCE),--once)

test: setup check  ## Checks style, types, import rules and contracts, then runs every test.
	@$(BIN)/pytest -n 2 --dist loadgroup -m "not proof"

setup:  ## Brings uv and everything for development into this folder.
	@$(PYTHON) dev/bootstrap.py dev

setup-run:
	@$(PYTHON) dev/bootstrap.py run

up: setup-run  ## Starts the mesh in the background.
	@$(BIN)/assay up --detach

down:  ## Stops it.
	@$(BIN)/assay down

check: lint types imports  ## Style, types, import rules, contracts, generated files.
	@$(BIN)/python proto/generate.py --check
	@$(BIN)/python -m gateway.surface --check

lint:
	@$(BIN)/ruff check . && $(BIN)/ruff format --check .

types:
	@$(BIN)/mypy

imports:
	@$(BIN)/lint-imports --no-logo

proto: setup  ## Generates stubs and descriptors from proto/.
	@$(BIN)/python proto/generate.py
	@$(BIN)/python -m gateway.surface --write

release-proto: setup  ## Makes today's contract the one that `buf breaking` compares with.
	@$(BIN)/python proto/generate.py --release

proof-mesh: setup  ## Runs the full campaign of the mesh; keeps its output in docs/proofs.
	@$(BIN)/python -m tests.campaigns.mesh

clean:  ## Removes environments, caches and local data.
	rm -rf .venv .tools .assay .pytest_cache .mypy_cache .ruff_cache .hypothesis
