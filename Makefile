# What people and the pipeline run. `make` alone lists it.
#
# Nothing is installed by hand: Rust (rustup follows rust-toolchain.toml), Go and make are enough. What
# is built once goes into CACHE, outside the checkout, so that a fresh clone need not build it again.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

XDG_CACHE_HOME ?= $(HOME)/.cache
JUMPCLOUD_OPERATOR_CACHE ?= $(XDG_CACHE_HOME)/jumpcloud-operator
export JUMPCLOUD_OPERATOR_CACHE

CARGO ?= cargo
# Integration tests mostly wait: more of them than cores.
export RUST_TEST_THREADS ?= 8
# Where `build` puts executables. They are run from there: `cargo run --package` would build the dependencies
# again, with the features that this one package asks for.
BUILT := $(or $(CARGO_TARGET_DIR),target)/debug
CARGO_DENY_VERSION := 0.20.2
CARGO_DENY_ROOT := $(JUMPCLOUD_OPERATOR_CACHE)/tools/cargo-deny-$(CARGO_DENY_VERSION)
CARGO_DENY := $(CARGO_DENY_ROOT)/bin/cargo-deny

# 200,000 histories are worth an optimised build of the operator's own code, 20,000 are not.
QUICK := --config profile.dev.package.jumpcloud-operator.opt-level=1

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: build ## Start a control plane, the simulator and the operator, and show users and dates at work
	@$(BUILT)/devenv demo

.PHONY: build
build: ## Build the operator, the simulator and the development environment
	$(CARGO) build --locked --workspace --bins

.PHONY: test
test: build controlplane ## Run every test but the long fault runs
	$(CARGO) test --locked --workspace

# Each part by itself: a thousand objects as large as they may be make an API server slow for everybody.
.PHONY: test-faults
test-faults: build controlplane ## Run the long fault runs
	FAULT_RUNS=full $(CARGO) test --locked $(QUICK) --test histories
	FAULT_RUNS=full $(CARGO) test --locked --test fuzz
	FAULT_RUNS=full $(CARGO) test --locked --test it -- --test-threads 4 faults::
	FAULT_RUNS=full $(CARGO) test --locked --test it -- abuse::
	WEATHER=25 $(CARGO) test --locked --test it -- --test-threads 8 --skip faults:: --skip abuse::load

.PHONY: controlplane
controlplane: build ## Build etcd and Kubernetes for the tests (about 6 minutes, once)
	$(BUILT)/devenv build

.PHONY: lint
lint: fmt clippy deny doc ## Check formatting, lints, dependencies and documentation

.PHONY: fmt
fmt: ## Check the formatting
	$(CARGO) fmt --all --check

.PHONY: clippy
clippy: ## Check the lints
	$(CARGO) clippy --workspace --all-targets --locked -- -D warnings

# Without advisories: their database comes from the network, and a check that depends on the day breaks
# old commits. `make advisories` asks for them.
.PHONY: deny
deny: $(CARGO_DENY) ## Check licences, sources and banned or doubled dependencies
	$(CARGO_DENY) --all-features --locked check bans licenses sources

.PHONY: advisories
advisories: $(CARGO_DENY) ## Look for known vulnerabilities (needs the network)
	$(CARGO_DENY) --all-features --locked check advisories

.PHONY: doc
doc: ## Check the API documentation
	RUSTDOCFLAGS="-D warnings" $(CARGO) doc --no-deps --workspace --locked --document-private-items

.PHONY: generate
generate: ## Write what is generated from other files (crds/, docs/reference/, Argo CD's ConfigMap)
	$(CARGO) run --quiet --locked --bin jumpcloud-operator -- crds --dir crds
	$(CARGO) run --quiet --locked --bin jumpcloud-operator -- reference --dir docs/reference
	deploy/argocd/render > deploy/argocd/argocd-cm.yaml.new
	mv deploy/argocd/argocd-cm.yaml.new deploy/argocd/argocd-cm.yaml

.PHONY: clean
clean: ## Remove build results; the cache outside the checkout stays
	$(CARGO) clean

$(CARGO_DENY):
	@echo "building cargo-deny $(CARGO_DENY_VERSION) into $(CARGO_DENY_ROOT): once, some minutes" >&2
	$(CARGO) install --quiet --locked --no-default-features --root $(CARGO_DENY_ROOT) cargo-deny@$(CARGO_DENY_VERSION)
