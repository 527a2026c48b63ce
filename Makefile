# Ringback: everything a developer or CI runs. `make` alone lists the targets.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help

UV := .uv/bin/uv
BIN := .venv/bin
# Companies and laboratories put their own certificate authority into the system's store; uv looks there only when told.
export UV_SYSTEM_CERTS ?= 1
export CARGO_TARGET_DIR ?= $(CURDIR)/rust/target
# Last: only what the machine itself does not have is taken from there (cmake, which builds libopus).
export PATH := $(PATH):$(CURDIR)/.uv/bin
RUST := cargo --locked
CARGO := cd rust && cargo
# libopus is built by cmake; everything else can do without.
NO_OPUS := $(if $(shell command -v cmake),,MATURIN_PEP517_ARGS=--no-default-features)
FEATURES := $(if $(shell command -v cmake),,--no-default-features)
PACKAGES := sip-tester baresip-core linphone-cli kamailio kamailio-tls-modules rtpengine-daemon espeak-ng postgresql

.PHONY: help
help: ## List the targets
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sort | sed -E 's/:[^#]*## /\t/' | expand -t 16

$(UV):
	@command -v python3 >/dev/null || { echo "Python 3.11 or newer is needed: install python3 and python3-venv."; exit 1; }
	@command -v cargo >/dev/null || { echo "A Rust toolchain is needed (cargo, 1.88 or newer): see https://rustup.rs"; exit 1; }
	@command -v cc >/dev/null || { echo "A C compiler is needed: install gcc or clang."; exit 1; }
	python3 -m venv .uv
	.uv/bin/python -m pip install --quiet --disable-pip-version-check uv
	@command -v cmake >/dev/null || .uv/bin/python -m pip install --quiet --disable-pip-version-check cmake

.PHONY: setup
setup: $(UV) cmake ## Make the private environment: Python packages and the native engine
	@echo "Setting up: Python packages, then the Rust engine (a few minutes the first time) ..."
	@$(NO_OPUS) $(UV) sync --quiet --frozen --all-extras

.PHONY: cmake
cmake:
	@command -v cmake >/dev/null || echo "cmake is not installed: building without the codec Opus. Install cmake and run make setup again to have it."

.PHONY: demo
demo: setup ## Place and receive real calls until each of the 28 statuses has happened, and show them
	@$(BIN)/ringback demo

.PHONY: serve
serve: setup ## Run the demo world: server, carrier simulator, test account
	@$(BIN)/ringback serve --demo

.PHONY: packages
packages:
	@missing=""; for p in $(PACKAGES); do dpkg -s $$p >/dev/null 2>&1 || missing="$$missing $$p"; done; \
	if [ -n "$$missing" ]; then \
	  if [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
	    echo "Installing Debian packages for the tests:$$missing"; \
	    apt-get update -qq >/dev/null && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends $$missing >/dev/null; \
	  else \
	    echo "The tests need Debian packages that are not installed:$$missing"; \
	    echo "Install them with: sudo apt-get install$$missing"; exit 1; \
	  fi; \
	fi

.PHONY: check
check: setup ## Lint, types, layers, sizes, generated documents
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/python -m mypy.stubtest ringback._engine
	$(BIN)/lint-imports
	$(BIN)/python tools/check_seams.py
	$(BIN)/python tools/check_sizes.py
	$(BIN)/python tools/generate_docs.py --check
	$(CARGO) fmt --check
	$(CARGO) clippy --locked --quiet --all-targets $(FEATURES) -- -D warnings

.PHONY: test
test: setup packages test-rust test-python ## Everything CI runs besides check and demo

.PHONY: test-rust
test-rust:
	$(CARGO) test --locked --quiet --workspace --exclude ringback-py $(FEATURES)

.PHONY: test-python
test-python:
	$(BIN)/pytest -q -n 2 --dist loadfile tests/unit tests/property
	$(BIN)/pytest -q --ignore tests/unit --ignore tests/property

FUZZ_TARGETS ?= sip_message sip_session framing sdp rtp_leg demux dtmf srtp wav
FUZZ_SECONDS ?= 60
FUZZ_SANITIZER ?= none
FUZZ_TOOLCHAIN ?=
CARGO_FUZZ := build/cargo-fuzz/bin/cargo-fuzz
MUTATIONS ?= 1000000
SEED ?= 1

$(CARGO_FUZZ):
	@command -v c++ >/dev/null || { echo "A C++ compiler is needed for libFuzzer: install g++ or clang."; exit 1; }
	@echo "Installing cargo-fuzz into build/cargo-fuzz ..."
	@cargo install --quiet --locked cargo-fuzz --version 0.13.2 --root build/cargo-fuzz

.PHONY: fuzz
fuzz: $(CARGO_FUZZ) ## Fuzz each target for FUZZ_SECONDS; finds go to rust/fuzz/artifacts (stable Rust and g++ are enough)
	@for target in $(FUZZ_TARGETS); do \
	  echo "$$target: $(FUZZ_SECONDS) s ..."; mkdir -p build/fuzz/$$target; \
	  (cd rust && nice -n 10 ../$(CARGO_FUZZ) $(FUZZ_TOOLCHAIN) run --sanitizer $(FUZZ_SANITIZER) $$target \
	    ../build/fuzz/$$target fuzz/corpus/$$target crates/sip/tests/data/rfc4475 -- \
	    -max_total_time=$(FUZZ_SECONDS) -timeout=10 -rss_limit_mb=1024 -max_len=8192 -print_final_stats=1); \
	done

.PHONY: mutations
mutations: ## Send MUTATIONS mutated SIP messages through a user agent
	$(CARGO) run --locked --quiet --release -p ringback-fuzz --example mutate -- $(MUTATIONS) $(SEED) 1

.PHONY: format
format: setup ## Format Python and Rust
	$(BIN)/ruff format
	$(BIN)/ruff check --fix
	$(CARGO) fmt

.PHONY: docs
docs: setup ## Write the generated documents anew
	$(BIN)/python tools/generate_docs.py

.PHONY: bench
bench: setup ## Measure; figures go to build/bench/
	$(BIN)/python -m bench

.PHONY: clean
clean: ## Remove what was built
	rm -rf .venv .uv build rust/target python/ringback/_engine*.so
