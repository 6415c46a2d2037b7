# The commands people type. CMake does the building (CMakePresets.json), ctest the testing.
#   make run     install what is missing, build, start the demo          make test    install, build, run every test
#   make build   only build (build/release/posthouse)                    make bench   measure, beside the peers
.DEFAULT_GOAL := help
.PHONY: help deps test-deps build run test asan tsan fuzz bench bench-stores format docs install clean

PRESET ?= release
JOBS ?= $(shell nproc 2>/dev/null || echo 2)
DEMO_ARGS ?=
PREFIX ?= /usr/local

help:
	@sed -n '2,3p' Makefile | sed 's/^# *//'
	@echo 'Also: asan, tsan, fuzz, format, docs, install (PREFIX=$(PREFIX)), clean'

deps:
	@scripts/install-deps.sh build

test-deps:
	@scripts/install-deps.sh test
	@scripts/fetch-corpus.sh
	@scripts/fetch-imapflow.sh

build:
	@scripts/build.sh $(PRESET) $(JOBS)

run: deps
	@scripts/build.sh release $(JOBS) posthouse
	@build/release/posthouse demo $(DEMO_ARGS)

# One more test at a time than there are processors: many of them wait.
test: test-deps
	@scripts/build.sh release $(JOBS)
	@scripts/test.sh release $$(($(JOBS) + 1))

asan tsan: test-deps
	@scripts/build.sh $@ $(JOBS)
	@scripts/test.sh $@ $$(($(JOBS) + 1))

fuzz: test-deps
	@scripts/fuzz.sh $(JOBS)

bench: test-deps
	@scripts/build.sh release $(JOBS) posthouse posthouse-load
	@bench/run.py

bench-stores: test-deps
	@scripts/build.sh release $(JOBS) posthouse posthouse-load
	@bench/stores.py

format:
	@git ls-files '*.cpp' '*.h' | xargs clang-format-19 -i

docs: build
	@scripts/generate-docs.sh build/$(PRESET)/posthouse

install: build
	@install -D -m 755 build/$(PRESET)/posthouse '$(DESTDIR)$(PREFIX)/bin/posthouse'
	@mkdir -p '$(DESTDIR)$(PREFIX)/share/man/man1'
	@'build/$(PRESET)/posthouse' man --dir '$(DESTDIR)$(PREFIX)/share/man/man1'
	@mkdir -p '$(DESTDIR)/lib/systemd/system'
	@sed 's|/usr/local/bin/|$(PREFIX)/bin/|' packaging/systemd/posthouse.service >'$(DESTDIR)/lib/systemd/system/posthouse.service'
	@install -D -m 644 packaging/fail2ban/filter.d/posthouse.conf '$(DESTDIR)$(PREFIX)/share/posthouse/fail2ban/filter.d/posthouse.conf'
	@install -D -m 644 packaging/fail2ban/jail.d/posthouse.conf '$(DESTDIR)$(PREFIX)/share/posthouse/fail2ban/jail.d/posthouse.conf'
	@install -m 644 packaging/systemd/posthouse.socket '$(DESTDIR)/lib/systemd/system'
	@chmod 644 '$(DESTDIR)/lib/systemd/system/posthouse.service'

clean:
	rm -rf build
