# Two commands set everything up: make setup, make build. "make help" lists the rest.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

GO    ?= go
BIN   := bin/lifeboat
TOOLS := .cache/tools

# What the binary calls its version, where there is a repository to ask.
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo dev)
BUILD   := $(GO) build -buildvcs=false -ldflags "-X main.version=$(VERSION)"

# FUZZTIME is how long each fuzz target runs.
FUZZTIME ?= 30s
# ARGS are passed on by "make demo".
ARGS ?=
# BENCH chooses benchmarks by a regular expression.
BENCH ?= .

.PHONY: help
help: ## List the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-z-]+:.*## / {printf "  %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: setup
setup: ## Install what building, testing and checking need (Debian packages, Go modules, tools)
	scripts/setup.sh run
	scripts/setup.sh develop
	scripts/test-tools.sh

.PHONY: build
build: ## Build bin/lifeboat
	$(BUILD) -o $(BIN) ./cmd/lifeboat

.PHONY: build-slim
build-slim: ## Build bin/lifeboat-slim: API server and worker, without the embedded Temporal server
	$(BUILD) -tags slim -o $(BIN)-slim ./cmd/lifeboat

.PHONY: demo
demo: ## Show the whole job on servers of its own; make demo ARGS=--exit ends by itself
	scripts/setup.sh run
	$(MAKE) --no-print-directory build
	$(BIN) demo $(ARGS)

.PHONY: test
test: lint unit vuln-if-reachable ## Everything that must pass: lint, all tests (with the race detector where it pays), known vulnerabilities

.PHONY: unit
unit: build ## All tests
	scripts/test.sh

.PHONY: test-kubernetes
test-kubernetes: ## The tests against a Kubernetes control plane, which the first run builds (slow)
	scripts/test-kubernetes.sh

.PHONY: race
race: ## All tests with the race detector, the embedded Temporal server too (slow to build)
	$(GO) test -race -p 2 -timeout 40m ./...

.PHONY: lint
lint: ## gofmt, go vet, golangci-lint (import rules among them), workflowcheck
	scripts/lint.sh

.PHONY: vuln
vuln: ## Look for known vulnerabilities in what the code calls; fails without the database
	scripts/vuln.sh

.PHONY: vuln-if-reachable
vuln-if-reachable:
	scripts/vuln.sh --if-reachable

.PHONY: bench
bench: build ## Measure speed and memory against other tools on the same data
	$(GO) test -tags bench -run '^$$' -bench '$(BENCH)' -benchtime 1x -timeout 2h ./tests/bench ./internal/evidence

.PHONY: bench-kubernetes
bench-kubernetes: ## Measure snapshots and restores of 10,000 Kubernetes objects against kubectl
	scripts/bench-kubernetes-tools.sh
	$(GO) test -tags 'bench kubernetes' -run '^$$' -bench 'Kubernetes$(if $(filter-out .,$(BENCH)),/$(BENCH))' -benchtime 1x -timeout 2h ./tests/bench

.PHONY: bench-large
bench-large: build ## The same at 8 GB; needs about 40 GB of free disk
	LIFEBOAT_BENCH_GB=8 $(GO) test -tags bench -run '^$$' -bench '$(BENCH)' -benchtime 1x -timeout 4h ./tests/bench

.PHONY: fuzz
fuzz: ## Run every fuzz target for FUZZTIME (30s)
	scripts/fuzz.sh $(FUZZTIME)

.PHONY: cover
cover: build ## Test coverage by function, into coverage.out
	$(GO) test -p 2 -timeout 40m -coverpkg=./... -coverprofile=coverage.out ./...
	$(GO) tool cover -func=coverage.out | tail -n 1

.PHONY: clean
clean: ## Remove what was built; installed tools stay
	rm -rf bin dist coverage.out test-output
