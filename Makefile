# Everything a developer or CI runs. `make` alone lists it.
.DEFAULT_GOAL := help
GO            ?= go
PACKAGES      ?= ./...
BENCH         ?= .
BENCHTIME     ?= 1s
FUZZTIME      ?= 10s
CHAOS         ?= .
DEPLOY_TEST   := test/deploy

.PHONY: help
help: ## list the targets
	@awk 'BEGIN {FS = ":.*## "} /^[a-zA-Z0-9_-]+:.*## / {printf "  %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: ## compile everything
	$(GO) build $(PACKAGES)

.PHONY: test
test: ## run the tests
	$(GO) test $(PACKAGES)

.PHONY: race
race: ## run the tests with the race detector
	$(GO) test -race $(PACKAGES)

GOLANGCI_LINT ?= v2.15.0

.PHONY: lint-tools
lint-tools: ## build the linter into build/tools
	@$(GO) version -m build/tools/golangci-lint 2>/dev/null | grep -q 'golangci-lint/v2.$(GOLANGCI_LINT)' || GOBIN=$(CURDIR)/build/tools GOFLAGS= $(GO) install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@$(GOLANGCI_LINT)

.PHONY: lint
lint: lint-tools ## gofmt, vet, tidy and the linter
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$unformatted" || { echo "gofmt: $$unformatted"; exit 1; }
	$(GO) vet $(PACKAGES)
	$(GO) mod tidy -diff
	build/tools/golangci-lint run

GOVULNCHECK ?= v1.1.4

.PHONY: vulnerabilities
vulnerabilities: ## known vulnerabilities in what is linked; skips where their database cannot be reached
	@found=$$($(GO) run golang.org/x/vuln/cmd/govulncheck@$(GOVULNCHECK) ./... 2>&1); code=$$?; echo "$$found"; \
	case "$$found" in *"fetching vulnerabilities"*) echo "skipped: the vulnerability database cannot be reached";; *) exit $$code;; esac

.PHONY: cross
cross: ## compile the command for linux, macOS and Windows, on amd64 and arm64
	@for os in linux darwin windows; do for arch in amd64 arm64; do \
		echo "$$os/$$arch"; CGO_ENABLED=0 GOOS=$$os GOARCH=$$arch $(GO) build -trimpath -o build/cross/$$os-$$arch/ ./cmd/migwatch || exit 1; \
	done; done

.PHONY: bench
bench: ## run the benchmarks; BENCH=pattern BENCHTIME=1s PACKAGES=./...
	$(GO) test -run '^$$' -bench '$(BENCH)' -benchtime $(BENCHTIME) $(PACKAGES)

.PHONY: coldstart
coldstart: ## measure cold starts and idle ticks of the built functions
	$(GO) test -run '^$$' -bench . -benchtime 30x ./test/coldstart

.PHONY: chaos
chaos: ## freeze and kill functions and databases for half an hour, and check what was recorded; CHAOS=pattern
	MIGWATCH_CHAOS=long $(GO) test -count=1 -v -timeout 90m -run '$(CHAOS)' ./test/chaos

.PHONY: galera
galera: ## the store's suite and a crowd of pollers on a three-node Galera cluster, one node killed and back
	CI=true $(GO) test -count=1 -v -timeout 20m -run TestGalera ./internal/store

.PHONY: fuzz
fuzz: ## run each fuzz target for FUZZTIME (10s)
	@for package in $$($(GO) list $(PACKAGES)); do \
		for target in $$($(GO) test -list '^Fuzz' $$package | grep '^Fuzz'); do \
			echo "$$package $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target\$$" -fuzztime $(FUZZTIME) $$package || exit 1; \
		done; \
	done

# The shell's own PATH is not to be had here, as make gives the new one to its recipes: hence getconf's.
.PHONY: module
module: ## name the module after where it is published: make module PATH=github.com/you/migwatch
ifneq ($(origin PATH),command line)
	@echo "usage: make module PATH=github.com/you/migwatch"; exit 1
endif
	@export MODULE='$(PATH)' PATH="$$(command -p getconf PATH)"; old=$$(sed -n 's/^module //p' go.mod); export old; \
	case $$MODULE in */*) ;; *) echo "make module: $$MODULE names no host: give a path such as github.com/you/migwatch"; exit 1;; esac; \
	find . -name node_modules -prune -o \( -name '*.go' -o -name Dockerfile -o -name go.mod \) -type f -print | \
	xargs perl -pi -e 's{^module \Q$$ENV{old}\E$$}{module $$ENV{MODULE}}; s{(?<=["\s])\Q$$ENV{old}\E/(?=(internal|client|cmd|functions|migrations|scripts|test)\b)}{$$ENV{MODULE}/}g'

.PHONY: demo
demo: ## both upstreams emulated, the poller and the page, no account needed
	@echo "Building the demo; the first time that can take some minutes. Then it prints its address."
	$(GO) run ./cmd/migwatch demo

.PHONY: package
package: ## build/migwatch.zip and build/function, what is deployed; the same bytes each time
	$(GO) run ./scripts/package -o build

.PHONY: check-env
check-env: ## what is missing or wrong in .env
	$(GO) run ./scripts/checkenv

.PHONY: check-deploy
check-deploy: $(DEPLOY_TEST)/node_modules/.package-lock.json ## check what would be deployed with the deployment tool's own code (needs Node 20)
	MIGWATCH_CHECK_DEPLOY=1 $(GO) test -count=1 ./scripts/... ./$(DEPLOY_TEST)/...

$(DEPLOY_TEST)/node_modules/.package-lock.json: $(DEPLOY_TEST)/package.json $(DEPLOY_TEST)/package-lock.json
	cd $(DEPLOY_TEST) && npm ci --ignore-scripts

.PHONY: deploy-ready
deploy-ready: check-env package ## all that comes before the platform's own `scf deploy`
	@echo "ready: run 'scf deploy' here"

.PHONY: clean
clean: ## remove what is built
	rm -rf build
