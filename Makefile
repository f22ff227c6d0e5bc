# Two commands matter: `make run` and `make test`. Both bring what they need into this folder.
.DEFAULT_GOAL := help
PYTHON ?= python3
BIN := .venv/bin
TRAIN := models/train/.venv/bin/python
DESIGNS := .tools/cache/designs
GATEWAY ?= 8080
export GATEWAY

.PHONY: help run test setup setup-run up down check operate-check proto release-proto train train-smoke train-env models export-env lint types imports proof-mesh proof-balance proof-models proof-colour proof-operate proof-runbooks bench clean

help:  ## Lists the targets.
	@grep -E '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | awk -F ':.*## ' '{printf "  make %-14s %s\n", $$1, $$2}'

run: setup-run  ## Starts the mesh, analyses the sample photo and video, stays up. ONCE=1 ends by itself.
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

operate-check: setup  ## Manifests, rules, images, workflows, policies: offline, no cluster, no Docker; under 3 minutes.
	@$(BIN)/pytest -n 2 --dist loadgroup -q -m "not proof and not mesh" tests/k8s tests/operate tests/images tests/delivery
	@$(BIN)/python -m dev.compose --check
	@$(BIN)/python -m dev.images --quiet

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

train: train-env  ## Trains the ink segmenter; goes on where it stopped: make train VERSION=1.1.0.
	@test -n "$(VERSION)" || (echo "say VERSION=x.y.z" && exit 2)
	@$(TRAIN) -m models.train.ink release $(VERSION)

train-smoke: setup train-env  ## Trains from nothing for under 3 minutes; fails when it does not learn.
	@$(BIN)/python -m models.synth.sources $(DESIGNS) > /dev/null
	@$(TRAIN) -m models.train.ink smoke
	@PYTHONPATH=proto/gen $(TRAIN) -m models.train.pose.smoke

train-env:
	@test -x $(TRAIN) || $(PYTHON) -m venv models/train/.venv
	@$(TRAIN) -m pip install --quiet --disable-pip-version-check -r models/train/requirements.lock

models: setup export-env  ## Builds every other format of the released models into models/build. KEEP=1 keeps the table.
	@$(BIN)/python -m models.export $(if $(KEEP),--table docs/exports.md --register)

export-env:
	@$(PYTHON) dev/bootstrap.py export

proof-mesh: setup  ## Runs the full campaign of the mesh; keeps its output in docs/proofs.
	@$(BIN)/python -m tests.campaigns.mesh
	@$(BIN)/pytest -m proof tests/models tests/segment

proof-balance: setup  ## Measures every figure of the balance assessment; keeps its output in docs/proofs.
	@$(BIN)/python -m tests.campaigns.balance

proof-models: setup train-env export-env  ## Measures every figure of the models; keeps its output in docs/proofs.
	@$(BIN)/python -m tests.campaigns.models

proof-colour: setup  ## Measures every figure of colour and decisions; keeps its output in docs/proofs.
	@$(BIN)/python -m tests.campaigns.colour

proof-operate: setup  ## Measures every figure of operations, hours of it; keeps its output in docs/proofs. [ONLY=mesh,soak]
	@$(BIN)/python -m tests.campaigns.operate $(if $(ONLY),--only $(ONLY))

proof-runbooks: setup  ## Rehearses the runbooks on local stacks; keeps what was typed and printed. [RUNBOOK=name]
	@$(BIN)/python -m tests.campaigns.rehearsals $(RUNBOOK)

bench: setup  ## Races colour and the pose stage against others; figures go to bench/results. [VIDEO=clip]
	@$(BIN)/python -m bench.color; color=$$?; \
	$(BIN)/python -m bench.pose $(if $(VIDEO),--video $(VIDEO)) && exit $$color

clean:  ## Removes environments, caches and local data.
	rm -rf .venv .tools .assay svc_color/kernel/libassay_colour.* models/build models/export/.venv models/train/.venv models/train/.cache bench/load/.venv .pytest_cache .mypy_cache .ruff_cache .hypothesis
