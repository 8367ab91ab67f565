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
export RUST_TEST_THREADS ?= 12
# Where `build` puts executables. They are run from there: `cargo run --package` would build the dependencies
# again, with the features that this one package asks for.
BUILT := $(or $(CARGO_TARGET_DIR),target)/debug
CARGO_DENY_VERSION := 0.20.2
CARGO_DENY_ROOT := $(JUMPCLOUD_OPERATOR_CACHE)/tools/cargo-deny-$(CARGO_DENY_VERSION)
CARGO_DENY := $(CARGO_DENY_ROOT)/bin/cargo-deny

# The image: see docs/image.md.
CARGO_AUDITABLE_VERSION := 0.7.7
CARGO_AUDITABLE_ROOT ?= $(JUMPCLOUD_OPERATOR_CACHE)/tools/cargo-auditable-$(CARGO_AUDITABLE_VERSION)
CARGO_AUDITABLE := $(CARGO_AUDITABLE_ROOT)/bin/cargo-auditable
AUDITABLE2CDX_VERSION := 0.1.0
AUDITABLE2CDX_ROOT ?= $(JUMPCLOUD_OPERATOR_CACHE)/tools/auditable2cdx-$(AUDITABLE2CDX_VERSION)
AUDITABLE2CDX := $(AUDITABLE2CDX_ROOT)/bin/auditable2cdx
VERSION = $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml | head -n 1)
REVISION = $(shell git rev-parse HEAD)$(if $(shell git status --porcelain),-modified)
# When the commit was made: an image of the same commit has the same bytes, whenever it is built.
SOURCE_DATE_EPOCH ?= $(shell git log -1 --format=%ct)
# For which machine the static program is; by default for this one. CROSS is the prefix of a compiler for another, such
# as aarch64-linux-gnu-.
TRIPLE ?= $(shell rustc -vV | sed -n 's/^host: \([^-]*\)-.*/\1/p')-unknown-linux-gnu
CROSS ?=
STATIC = $(or $(CARGO_TARGET_DIR),target)/$(TRIPLE)/release/jumpcloud-operator
# Linked statically with glibc, since the image has no libraries, and without the paths of this machine.
STATIC_FLAGS = -C target-feature=+crt-static --remap-path-prefix=$(CURDIR)=/src \
	--remap-path-prefix=$(or $(CARGO_HOME),$(HOME)/.cargo)=/cargo
PLATFORM_x86_64 := linux/amd64
PLATFORM_aarch64 := linux/arm64
PLATFORM = $(PLATFORM_$(firstword $(subst -, ,$(TRIPLE))))
# Programs by platform, PLATFORM=PATH, when they were built elsewhere.
BINARIES ?=
IMAGE ?= $(or $(CARGO_TARGET_DIR),target)/image/jumpcloud-operator-$(VERSION).tar
# The image of `test-image-quick`.
QUICK_IMAGE := $(or $(CARGO_TARGET_DIR),target)/image/quick
# The tests of the image start a program as another user, below another root. Only they run as root, not the compiler.
SUDO = --config 'target."cfg(unix)".runner = ["sudo", "--preserve-env", "env", "PATH=$(PATH)"]'
AS_ROOT = $(if $(filter-out 0,$(shell id -u)),$(SUDO))

# 200,000 histories are worth an optimised build of the operator's own code, 20,000 are not.
QUICK := --config profile.dev.package.jumpcloud-operator.opt-level=1

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z][a-z-]*:.*## / { printf "  make %-14s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: build ## Start a control plane, the simulator and the operator, and show users and dates at work
	@$(BUILT)/devenv demo

.PHONY: demo-helm
demo-helm: build ## The same, installed by helm install
	@$(BUILT)/devenv demo --helm

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
controlplane: build ## Build etcd, Kubernetes and Helm for the tests (about 8 minutes, once)
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

# With --target, so that the flags do not reach build scripts and macros, which cannot be static.
.PHONY: static
static: $(CARGO_AUDITABLE) ## Build the operator as the image has it, with the list of its dependencies inside
	$(if $(PLATFORM),,$(error no image is made for $(TRIPLE); set TRIPLE to that of x86_64 or aarch64, and CROSS))
	$(if $(CROSS),CC_$(subst -,_,$(TRIPLE))=$(CROSS)gcc AR_$(subst -,_,$(TRIPLE))=$(CROSS)ar \
	CARGO_TARGET_$(shell tr a-z- A-Z_ <<<$(TRIPLE))_LINKER=$(CROSS)gcc) RUSTFLAGS="$(STATIC_FLAGS)" \
	$(CARGO_AUDITABLE) auditable build --locked --release --target $(TRIPLE) --bin jumpcloud-operator

.PHONY: image
image: build $(if $(BINARIES),,static) ## Build the container image as an OCI archive, without a container engine
	$(BUILT)/devenv tool image build --output $(IMAGE) --version $(VERSION) --revision $(REVISION) \
		--created $(SOURCE_DATE_EPOCH) $(addprefix --binary ,$(or $(BINARIES),$(PLATFORM)=$(STATIC)))
	@echo "$(IMAGE)"

.PHONY: sbom
sbom: static $(AUDITABLE2CDX) ## Write what the static program was built from as CycloneDX, beside it
	$(AUDITABLE2CDX) $(STATIC) >$(STATIC).cdx.json

.PHONY: check-version
check-version: ## Check that TAG, the program and the charts have one version
	@test "$(TAG)" = "v$(VERSION)" || { echo "tag $(TAG) is not v$(VERSION), the version in Cargo.toml" >&2; exit 1; }
	@for chart in charts/*/Chart.yaml; do \
		for line in 'version: $(VERSION)' 'appVersion: $(VERSION)'; do \
			grep -qxF "$$line" "$$chart" || { echo "$$chart has no line $$line" >&2; exit 1; }; \
		done; \
	done

# One after another: what one of them measures must not wait for another.
.PHONY: test-image
test-image: image controlplane ## Run the operator from the image's own root file system (as root: asks sudo)
	JUMPCLOUD_OPERATOR_IMAGE=$(abspath $(IMAGE)) $(CARGO) $(AS_ROOT) test --locked --test image -- \
		--ignored --nocapture --test-threads 1

# While one changes something: the same tests, but those of memory, with a program that is not optimised. Its libraries are those of
# `build`; only the program itself is compiled again, as a static one. `make image` is for what is released.
.PHONY: test-image-quick
test-image-quick: build controlplane ## The same with an unoptimised program, much sooner
	mkdir -p $(dir $(QUICK_IMAGE))
	$(CARGO) rustc --locked --bin jumpcloud-operator -- -C target-feature=+crt-static -C strip=symbols
	cp $(BUILT)/jumpcloud-operator $(QUICK_IMAGE)
	$(BUILT)/devenv tool image build --output $(QUICK_IMAGE).tar --version $(VERSION) --revision $(REVISION) \
		--created $(SOURCE_DATE_EPOCH) --binary $(PLATFORM)=$(QUICK_IMAGE)
	JUMPCLOUD_OPERATOR_IMAGE=$(abspath $(QUICK_IMAGE)).tar $(CARGO) $(AS_ROOT) test --locked --test image -- \
		--ignored --test-threads 2 --skip memory::

.PHONY: generate
generate: ## Write the files that are generated (crds/, docs/reference/, parts of charts/ and deploy/)
	$(CARGO) run --quiet --locked --bin jumpcloud-operator -- crds --dir crds
	$(CARGO) run --quiet --locked --bin jumpcloud-operator -- reference --dir docs/reference
	$(CARGO) run --quiet --locked -p devenv -- chart
	$(CARGO) run --quiet --locked -p devenv -- deploy
	deploy/argocd/render > deploy/argocd/argocd-cm.yaml.new
	mv deploy/argocd/argocd-cm.yaml.new deploy/argocd/argocd-cm.yaml

.PHONY: clean
clean: ## Remove build results; the cache outside the checkout stays
	$(CARGO) clean

$(CARGO_DENY):
	@echo "building cargo-deny $(CARGO_DENY_VERSION) into $(CARGO_DENY_ROOT): once, some minutes" >&2
	$(CARGO) install --quiet --locked --no-default-features --root $(CARGO_DENY_ROOT) cargo-deny@$(CARGO_DENY_VERSION)

$(CARGO_AUDITABLE):
	@echo "building cargo-auditable $(CARGO_AUDITABLE_VERSION) into $(CARGO_AUDITABLE_ROOT): once" >&2
	$(CARGO) install --quiet --locked --root $(CARGO_AUDITABLE_ROOT) cargo-auditable@$(CARGO_AUDITABLE_VERSION)

$(AUDITABLE2CDX):
	@echo "building auditable2cdx $(AUDITABLE2CDX_VERSION) into $(AUDITABLE2CDX_ROOT): once" >&2
	$(CARGO) install --quiet --locked --root $(AUDITABLE2CDX_ROOT) auditable2cdx@$(AUDITABLE2CDX_VERSION)
