# A thin face over Meson and tools/.
.PHONY: help build run test bench soak fuzz lint install deb clean

help: ## these lines
	@grep -E '^[a-z]+:.*##' Makefile | sed 's/:.*## /\t/' | expand -t 12

build: ## install what is missing and build the release tree and the console
	@tools/install-deps build && PATH=$$(tools/node-path):$$PATH tools/build release

run: ## build, start manager and agent on this host, print address and first password (PROTECT=DIR: only its file system)
	@tools/run

test: ## build and run all tests
	@tools/test

bench: ## measure side by side with the peers, print ratios
	@tools/install-deps build run test bench && bench/run && bench/files.sh && bench/fleet.sh && bench/packets.sh && bench/logs.sh

soak: ## the scenarios at the large counts that take an hour
	@SOAK=1 YAGURA_ROUNDS=25000 SCENARIO_SECONDS=5400 tools/test

fuzz: ## run every fuzz target (FUZZ_SECONDS=60 each)
	@tools/fuzz

lint: ## format, clang-tidy, floors, console
	@tools/install-deps build lint && tools/lint

install: build ## install the release tree (DESTDIR, PREFIX)
	@tools/install

deb: ## Debian packages of agent and manager, in build/packages
	@tools/install-deps build run package && tools/package

clean: ## remove what was built (run/ stays)
	rm -rf build console/dist console/node_modules
