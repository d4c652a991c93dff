# What people type. `make run` and `make test` need only git, make, and root or sudo, on Debian 12.
#
#   make          builds ./fluxion            make check     format, style, unit tests; fast
#   make run      builds and starts it        make format    formats the sources
#   make test     builds and tests it all     make torture   a million crash states; minutes
#   make deps     installs what is missing    make clean     removes what was built
#   make bench    figures beside its peers    make docs      the generated parts of documents
#   make clients  builds the SDKs             make image     the container's image
#   make fuzz     an hour for each target
#   make image-test  builds and runs the image, without an engine, as root
#   make fresh    proves run and test in new Debian roots (as root, with debootstrap)

# The only list of packages. Names are those of Debian 12 and 13. clang-format is pinned to 14,
# which Debian 13 does not have: there, formatting is reported as not checked.
BUILD_PACKAGES = g++ make qmake6 qt6-base-dev qt6-websockets-dev libqt6sql6-sqlite \
    libsimdjson-dev libre2-dev libzstd-dev libxxhash-dev libboost-dev libedit-dev
TEST_PACKAGES = git doctest-dev strace openssl curl procps python3 python3-websocket node-ws \
    redis-server nats-server chromium \
    $(shell . /etc/os-release; [ "$$VERSION_ID" = 12 ] && \
        echo clang-format-14 clang-14 libclang-rt-14-dev)
# Where these are already, from wherever, they are used.
CLIENT_PACKAGES = $(if $(shell command -v npm),,nodejs npm) \
    $(if $(shell command -v go),,golang-go)

PORT ?= 8080
JOBS ?= $(shell nproc)

SHELL = /bin/bash
.NOTPARALLEL:
.DEFAULT_GOAL = build
.PHONY: deps build-deps test-deps client-deps build tests sanitized-tests clients run test check \
    format docs bench torture fresh fuzz fuzz-programs image image-test clean print-build-packages

# --- installing ---

deps: test-deps
build-deps:
	@.ci/install.sh $(BUILD_PACKAGES)
test-deps: build-deps
	@.ci/install.sh $(TEST_PACKAGES) $(CLIENT_PACKAGES)

client-deps:
	@.ci/install.sh $(CLIENT_PACKAGES)

# --- building: qmake writes build.mk files, and they do the work ---

# A make that was told -j hands its job slots down; else all cores are used.
PARALLEL = $(if $(findstring jobserver,$(MAKEFLAGS)),,-j$(JOBS))
SUBMAKE = $(MAKE) --no-print-directory -f build.mk $(PARALLEL)

build: build-deps
	@.ci/qmake.sh .
	+@$(SUBMAKE) sub-src-server

tests: test-deps
	@.ci/qmake.sh .
	+@$(SUBMAKE)

sanitized-tests: test-deps
	@.ci/qmake.sh build/tsan CONFIG+=sanitize_thread
	@.ci/qmake.sh build/asan CONFIG+=sanitize_address
	+@$(SUBMAKE) -C build/tsan
	+@$(SUBMAKE) -C build/asan

# What the clients' own package lists name comes from the registries, once.
clients: build-deps client-deps clients/node/node_modules/.package-lock.json
	cd clients/node && npm run --silent build
	cd clients/go && go mod download

clients/node/node_modules/.package-lock.json: clients/node/package-lock.json
	cd clients/node && npm ci --no-audit --no-fund
	@touch $@

fuzz-programs: test-deps
	+@$(MAKE) --no-print-directory -f tests/fuzz/Makefile $(PARALLEL)

# An hour for each target; FUZZ_SECONDS=n for another time.
fuzz: fuzz-programs
	tests/fuzz/run.py --seconds $(or $(FUZZ_SECONDS),3600)

image:
	@docker/image.sh

image-test:
	@tests/image/image_test.sh

clean:
	rm -rf build fluxion .qmake.stash clients/node/node_modules clients/node/dist
	find . -name build.mk -not -path './.git/*' -delete

# --- running ---

run: build
	@key="$$SECRET_KEY"; shown='<your SECRET_KEY>'; \
	if [ -z "$$key" ]; then \
	    key=$$(od -An -N16 -tx1 /dev/urandom | tr -d ' \n'); shown=$$key; \
	    echo "SECRET_KEY is not set. For this run it is $$key"; \
	fi; \
	echo "To talk to it: npx wscat@6 -c \"ws://127.0.0.1:$(PORT)/?api-key=$$shown\""; \
	FLUXION_SECRET_KEY="$$key" exec ./fluxion --data tmp_data --host 127.0.0.1 --port $(PORT)

# --- testing ---

test: tests clients sanitized-tests fuzz-programs
	@tests/run_suites.py tests/suites.txt

check: test-deps
	@.ci/qmake.sh .
	+@$(SUBMAKE) sub-src
	+@$(SUBMAKE) -C tests/unit
	@tests/run_suites.py tests/suites.txt format style unit

format: test-deps
	@tests/style/format.sh fix

# Writes anew what is generated: parts of README.md and docs/protocol.md, the clients' types.
docs: tests
	FLUXION_WRITE_DOCS=1 build/tests/unit_tests --test-case='documents:*'
	/usr/bin/python3 clients/generate/generate.py ./fluxion

# What the server does beside its peers on this machine, into docs/benchmarks.md: some minutes, on
# loopback. BENCH='--only gval --pairs 9' and the like choose, and leave the document as it is.
bench: tests
	build/tests/bench ./fluxion build/tests/echo_server $$(git describe --always --dirty) \
	    --findings tests/bench/findings.md --out docs/benchmarks.md $(BENCH)

torture: tests
	FLUXION_TORTURE=1 build/tests/fault_tests

fresh:
	tests/fresh/prove.sh bookworm --test
	tests/fresh/prove.sh trixie

print-build-packages:
	@echo $(BUILD_PACKAGES)
