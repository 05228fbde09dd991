# The front door. `make help` says what each does.
SHELL := /bin/bash
PRESET ?= dev
JOBS ?= $(shell nproc)
export GB_CACHE_DIR ?= $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/galera-backup

.DEFAULT_GOAL := help
.PHONY: help deps build release demo demo-standalone test unit asan tsan integration test-versions e2e bench fuzz lint reference clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-16s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

deps: ## install what building, testing and the demo need (Debian 12)
	@scripts/install-deps all

build: ## build everything (PRESET=dev, release, asan, tsan, tidy, fuzz, coverage)
	@scripts/install-deps build
	@cmake --preset $(PRESET) >/dev/null
	@cmake --build --preset $(PRESET) -j $(JOBS)

release: ## build what is shipped, into build/release/bin
	@scripts/install-deps build
	@cmake --preset release >/dev/null
	@cmake --build --preset release -j $(JOBS) --target galera-backup-apiserver kubectl-galera

# What the demo needs: built while the control plane is built (most of which is waiting for modules).
.PHONY: demo-parts demo-programs demo-testbed
demo-parts:
	@scripts/install-deps build
	@$(MAKE) --no-print-directory -j2 demo-programs demo-testbed
demo-programs:
	@cmake --preset release >/dev/null
	@cmake --build --preset release -j $(JOBS) --target galera-backup-apiserver gb-datagen
demo-testbed:
	@scripts/install-deps testbed

demo: demo-parts ## the main job on real parts: Galera, kube-apiserver, a tenant, a disaster, the proof (KEEP=1 leaves it up)
	@KEEP=$(KEEP) scripts/demo

demo-standalone: demo-parts ## the same without a control plane: kubectl straight at our server
	@KEEP=$(KEEP) scripts/demo --standalone

test: ## everything: unit (plain, ASan+UBSan, TSan), integration, e2e, lint, arrows
	@started=$$(date +%s) && scripts/install-deps all && GB_TEST_STARTED=$$started scripts/run-tests all

unit: build ## the unit tests
	@ctest --preset dev

asan: ## the unit tests under ASan and UBSan
	@$(MAKE) --no-print-directory build PRESET=asan && ctest --preset asan

tsan: ## the threaded unit tests under TSan
	@$(MAKE) --no-print-directory build PRESET=tsan && ctest --preset tsan

integration: build ## the engine against real Galera clusters
	@scripts/install-deps testbed
	@ctest --test-dir build/$(PRESET) -L integration --output-on-failure

test-versions: ## backups and restores on MariaDB 10.5 and 11.8, and from each version to the next (needs root)
	@scripts/install-deps build testbed versions
	@cmake --preset $(PRESET) >/dev/null
	@cmake --build --preset $(PRESET) -j $(JOBS) --target kubectl-galera
	@GB_BIN_DIR=$(CURDIR)/build/$(PRESET)/bin test/integration/fidelity/versions

e2e: build ## the whole chain against a real control plane
	@scripts/install-deps testbed
	@ctest --test-dir build/$(PRESET) -L e2e --output-on-failure

bench: release ## the figures, side by side with the peers (an hour and a half; ARGS="--only api --rounds 1" for a part)
	@scripts/install-deps testbed bench
	@cmake --build --preset release -j $(JOBS) --target gb-datagen store_bench http_load floor_bench
	@test/bench/run $(ARGS)

FUZZERS := $(notdir $(basename $(wildcard test/fuzz/*_fuzz.cc)))
FUZZ_SECONDS ?= 60
fuzz: ## what reads bytes of strangers, under libFuzzer (each for FUZZ_SECONDS=60)
	@scripts/install-deps build fuzz
	@cmake --preset fuzz >/dev/null
	@cmake --build --preset fuzz -j $(JOBS) --target $(FUZZERS)
	@set -e; for fuzzer in $(FUZZERS); do echo "== $$fuzzer"; mkdir -p build/fuzz/corpus/$$fuzzer; \
	  build/fuzz/bin/$$fuzzer -max_total_time=$(FUZZ_SECONDS) -verbosity=0 -print_final_stats=1 -artifact_prefix=build/fuzz/$$fuzzer- build/fuzz/corpus/$$fuzzer; done

lint: ## clang-format, clang-tidy, arrows
	@scripts/install-deps build lint
	@scripts/lint

reference: ## write docs/api-reference.md anew from the schema
	@$(MAKE) --no-print-directory build PRESET=dev
	@GB_WRITE_REFERENCE=1 build/dev/bin/unit_api --gtest_filter='Reference.IsWhat*' --gtest_brief=1

clean: ## remove what was built
	@rm -rf build
