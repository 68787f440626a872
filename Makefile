# `make help` lists the targets. Everything is installed into .venv, from the hash-locked requirements-dev.txt.

# The Python that .venv is made with.
PYTHON ?= python3
# The other Python that `make test` runs the suite on; found if not given, `none` to leave it out.
NEWEST_PYTHON ?=
# What pytest gets of the tests, for `make check` and `make test`: T=tests/test_cli.py, T="tests/engines -k undo".
T ?=
# `make lock UPGRADE=--upgrade` moves every pin to the newest release; without it a pin moves only where it must.
UPGRADE ?=
# What the native library is built with (native/README.md).
CARGO ?= cargo

VENV := .venv
BIN := $(VENV)/bin
NEWEST := .venv-newest
OLDER := .venv-older
NATIVE := sparkify/validation/libnative.so
UV := $(shell uv --version >/dev/null 2>&1 && echo uv || echo $(BIN)/uv)
LOCKS := requirements.txt requirements-dev.txt

CODE := $(wildcard sparkify tests bench docs/*.py create_tables.py etl.py sql_queries.py)
SQL := $(wildcard sparkify/sql/*.sql sparkify/sql/*/*.sql sparkify/sql/*/*/*.sql)

# What Redshift gets is parsed in its own dialect; how the text is laid out is a matter of the files it is made of.
STATEMENTS := $(wildcard tests/engines/statements/*.sql)

# One more than cores: now and then a test waits for a process or a server.
WORKERS := $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)

# Worksteal leaves the tests of a module together, as long as there is enough to do: what they share is made once.
PYTEST := pytest -n $(WORKERS) --dist worksteal
# Whatever has no mark; the marks are in pyproject.toml.
FAST := not engine and not browser and not slow

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help setup native check browser older demo test test-redshift fuzz test-newest test-long coverage lint lint-style \
	lint-types lint-layers lint-sql hooks format docs picture bench bench-growth bench-cores bench-dialects bench-xl \
	bench-shares bench-storage bench-check bench-docs bench-s3 lock dist clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-13s %s\n", $$1, $$2 }' Makefile

setup: $(VENV)/.stamp build/native/.stamp ## make .venv with sparkify and the developers' tools, and the native library where cargo is

demo: setup ## simulate, load, check, ask and report, all in build/demo
	rm -rf build/demo
	$(BIN)/sparkify demo build/demo

# With -qq apt-get prints only errors. An index that cannot be fetched is an error, so that it is tried again.
APT_GET := DEBIAN_FRONTEND=noninteractive apt-get -qq -o APT::Update::Error-Mode=any -o Acquire::Retries=3 \
	-o DPkg::Lock::Timeout=300

# Debian's cargo brings a C compiler, for its linker.
native: $(VENV)/.stamp ## build the native library; installs Debian's cargo where there is none
	@$(CARGO) --version >/dev/null 2>&1 || { \
	    if [ "$$(id -u)" = 0 ]; then root=env; elif sudo -n true 2>/dev/null; then root='sudo -n env'; else root=; fi; \
	    if [ -n "$$root" ] && apt-get --version >/dev/null 2>&1; then \
	        echo "native: installing cargo for the native library"; \
	        for try in 1 2 3; do $$root $(APT_GET) update && break; sleep 5; done; \
	        $$root $(APT_GET) install --yes --no-install-recommends cargo >/dev/null; \
	    fi; \
	    $(CARGO) --version >/dev/null 2>&1 || { echo "native: there is no cargo, and none could be installed" >&2; exit 1; }; }
	@$(call build-native)
	@mkdir -p build/native && touch build/native/.stamp

# Chromium draws no text without a font. What SPARKIFY_TEST_BROWSER names is never replaced.
browser: setup ## install Debian's headless Chromium for the tests of the report, unless a Chromium or Chrome is there
	@find="$(BIN)/python -m tests.browser.chromium"; \
	if [ -n "$$SPARKIFY_TEST_BROWSER" ] || $$find >/dev/null 2>&1; then $$find >/dev/null; exit; fi; \
	if [ "$$(id -u)" = 0 ]; then root=env; elif sudo -n true 2>/dev/null; then root='sudo -n env'; else root=; fi; \
	if [ -n "$$root" ] && apt-get --version >/dev/null 2>&1; then \
	    echo "browser: installing a headless Chromium for the tests of the report"; \
	    for try in 1 2 3; do $$root $(APT_GET) update && break; sleep 5; done; \
	    for package in chromium-headless-shell chromium; do \
	        $$root $(APT_GET) install --yes --no-install-recommends $$package fonts-dejavu-core >/dev/null && break; \
	    done; \
	fi; \
	$$find >/dev/null

older: $(OLDER)/.stamp ## make .venv-older with the older DuckDB that a test opens a warehouse with

check: lint ## lint, and the fast tests: about a minute (T=tests/test_cli.py for a part of them)
	$(BIN)/$(PYTEST) -m "$(FAST)" $(or $(T),$(wildcard tests/test_*.py))

test: $(if $(T),setup,browser) native older ## run all tests, on the newest other Python at hand too; T=tests/test_cli.py for a part
	$(BIN)/$(PYTEST) $(T)
	$(if $(T),,@$(MAKE) --no-print-directory test-newest)

# It asks before it costs anything: see docs/redshift.md.
test-redshift: setup ## run the tests of the engines on the Redshift of your settings; it tells the cost and asks first
	@$(BIN)/python -m tests.engines $(T)

# Coverage costs an eighth of the time. Processes that a test starts are not measured.
coverage: browser native older ## run all tests, and list the lines of sparkify that they do not run
	$(BIN)/$(PYTEST) --cov $(T)

# With TIMES=25 an hour or more: then every statement is a moment to kill at.
TIMES ?= 25
test-long: browser native older ## run all tests with TIMES as many histories, lines and moments to kill at (TIMES=25)
	SPARKIFY_TEST_TIMES=$(TIMES) $(BIN)/$(PYTEST) --durations 30 $(T)

# The lines of the corpus, mutated: what the native library takes of them is compared with the reference.
FUZZ_SECONDS ?= 60
fuzz: native ## try mutated lines on the native library for FUZZ_SECONDS (60)
	SPARKIFY_FUZZ_SECONDS=$(FUZZ_SECONDS) $(BIN)/pytest -n 2 -rP tests/test_native.py -k mutated

# What depends on the Python more than on DuckDB, a driver, a server or a browser.
ON_NEWEST := $(foreach name,cli cli_loads cli_reading cli_output engine package settings sources validation,tests/test_$(name).py)

# Only Pythons that are installed already; pyenv's are not on PATH, so its folder is added.
test-newest: setup ## run what depends on the Python on the newest other one at hand
	@python="$(NEWEST_PYTHON)"; \
	if [ -z "$$python" ]; then \
	    own=$$($(BIN)/python -c 'import sys; print("%d.%d" % sys.version_info[:2])'); \
	    pyenv=$$(echo "$${PYENV_ROOT:-$$HOME/.pyenv}"/versions/3.*/bin | tr ' ' ':'); \
	    python=$$(PATH="$$PATH:$$pyenv" $(UV) python list --only-installed --no-python-downloads '>=3.11' 2>/dev/null | \
	        awk -v own="$$own" '$$1 ~ /^cpython-3\.[0-9]+\.[0-9]+-/ \
	            { split($$1, v, /[-.]/); if (v[2] "." v[3] != own) { print $$2; exit } }'); \
	fi; \
	if [ "$$python" = none ]; then \
	    echo "The suite ran on .venv's Python only, as asked."; \
	elif [ -z "$$python" ]; then \
	    echo "No other Python (3.11 or newer) is at hand: the suite ran on .venv's only."; \
	else \
	    version=$$("$$python" -c 'import platform; print(platform.python_version())') && \
	    echo "What depends on the Python once more, on Python $$version:" && \
	    $(MAKE) --no-print-directory "$(NEWEST)/.stamp-$$version" NEWEST_PYTHON="$$python" && \
	    $(NEWEST)/bin/$(PYTEST) -m "$(FAST)" $(ON_NEWEST); \
	fi

lint: setup ## check style, types, layers and SQL
	@$(MAKE) --no-print-directory --keep-going -j 4 lint-style lint-types lint-layers lint-sql

lint-style:
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

lint-types:
	$(BIN)/mypy $(CODE)

lint-layers:
	$(BIN)/lint-imports --no-logo

# sqlfluff takes longer than all the others: it gets only what has changed since it last passed.
lint-sql: build/lint/sql build/lint/statements

CHANGED_SQL = $(filter %.sql,$(if $(filter-out %.sql,$?),$^,$?))

build/lint/sql: $(SQL) pyproject.toml $(LOCKS)
	$(BIN)/sqlfluff lint $(CHANGED_SQL)
	@mkdir -p $(@D) && touch $@

build/lint/statements: $(STATEMENTS) pyproject.toml $(LOCKS)
	$(BIN)/sqlfluff lint --dialect redshift --rules capitalisation,references.consistent $(CHANGED_SQL)
	@mkdir -p $(@D) && touch $@

hooks: setup ## check style, types, layers, SQL and generated files before each commit, and the fast tests before a push
	$(BIN)/prek install

format: setup ## fix what can be fixed automatically
	$(BIN)/ruff check --fix-only .
	$(BIN)/ruff format .
	$(BIN)/sqlfluff fix $(SQL)

docs: setup ## regenerate the generated parts of docs/, and the statements on file
	$(BIN)/python docs/generate.py
	$(BIN)/python -m tests.engines.statements

picture: demo browser ## take README's picture of the report, of the demo's data
	"$$($(BIN)/python -m tests.browser.chromium)" --no-sandbox --hide-scrollbars --window-size=1240,1700 \
	    --virtual-time-budget=8000 --screenshot=docs/report.png file://$(CURDIR)/build/demo/report.html

# What is measured: SIZE=S, M or L (0.1, 1 or 10 million events), ROUNDS=5, CONTENDERS="handwritten polars".
BENCH_OPTIONS = $(if $(SIZE),--size $(SIZE)) $(if $(ROUNDS),--rounds $(ROUNDS)) \
	$(if $(CONTENDERS),--contenders $(CONTENDERS)) $(if $(BENCH_FOLDER),--folder $(BENCH_FOLDER))

bench: setup ## measure the loader against others on the same work (SIZE=S|M|L ROUNDS=N CONTENDERS="NAME …")
	$(BIN)/python bench/load.py $(BENCH_OPTIONS)

bench-growth: setup ## measure what more events cost, and one more day: time, memory, space
	$(BIN)/python bench/growth.py $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(BENCH_FOLDER),--folder $(BENCH_FOLDER))

bench-cores: setup ## measure a first load on one core and on all, phase by phase
	$(BIN)/python bench/cores.py $(BENCH_OPTIONS)

bench-dialects: setup ## measure the loader and others on unknown and missing keys, arrays and gzip
	$(BIN)/python bench/dialects.py $(BENCH_OPTIONS)

# About an hour, and 20 GB of disk.
bench-xl: setup ## measure 100 million events over a year: the load, and all that is asked of it later
	$(BIN)/python bench/xl.py $(if $(SIZE),--size $(SIZE)) $(if $(BENCH_FOLDER),--folder $(BENCH_FOLDER))

bench-shares: setup ## measure the judging of one load into the stand-in for Redshift by 1, 2 and 4 processes
	$(BIN)/python bench/shares.py $(if $(EVENTS),--events $(EVENTS)) $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(BENCH_FOLDER),--folder $(BENCH_FOLDER))

bench-storage: setup ## measure what each format of the file costs, and what replaced files leave in it
	$(BIN)/python bench/storage.py $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(BENCH_FOLDER),--folder $(BENCH_FOLDER))

bench-check: setup ## measure the load again and fail where it is slower than the recorded ratios
	$(BIN)/python bench/check.py $(if $(ROUNDS),--rounds $(ROUNDS)) $(if $(BENCH_FOLDER),--folder $(BENCH_FOLDER))

# An hour or two, on a machine that does nothing else.
bench-docs: setup ## measure all but bench-xl, bench-shares and bench-s3, for docs/performance.md and bench/recorded.json
	$(BIN)/python bench/load.py --size S --rounds 5
	$(BIN)/python bench/load.py --size M --rounds 5
	$(BIN)/python bench/load.py --size L --rounds 3
	$(BIN)/python bench/dialects.py --size M --rounds 1
	$(BIN)/python bench/cores.py --size M --rounds 3
	$(BIN)/python bench/storage.py --rounds 3
	$(BIN)/python bench/growth.py --rounds 3
	$(BIN)/python bench/check.py --rounds 5 --record
	$(BIN)/python bench/results.py

bench-s3: setup ## measure the loader against others that read S3, from a real server
	$(BIN)/python bench/s3.py

COMPILE = $(UV) pip compile --quiet $(UPGRADE) --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock'

# No prerequisite on setup: .venv is made from the very files written here. Without uv, `make setup` once.
lock: ## pin the dependencies of pyproject.toml in requirements*.txt
	$(COMPILE) pyproject.toml --all-extras --output-file requirements-dev.txt
	$(COMPILE) pyproject.toml --extra report --constraint requirements-dev.txt --output-file requirements.txt
	for name in $(basename $(wildcard bench/*.in tests/*.in)); do \
	    $(COMPILE) $$name.in --output-file $$name.txt || exit 1; \
	done

# All times in the archives are that of the commit, so that the same commit gives the same bytes.
dist: setup ## build the source distribution and the wheels into dist/, from a checkout without changes
	@changed=$$(git status --porcelain); if [ -n "$$changed" ]; then \
	    echo "dist: these files are not those of a commit; commit or remove them:" >&2; echo "$$changed" >&2; exit 1; fi
	rm -rf dist
	export SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) && $(BIN)/python -m build --no-isolation --outdir dist . && \
	    if [ -f $(NATIVE) ]; then $(BIN)/python -m build --no-isolation --wheel --outdir dist .; fi
	@cd dist && { sha256sum * 2>/dev/null || shasum -a 256 *; }

clean: ## remove what make made
	rm -rf $(VENV) $(NEWEST) $(OLDER) $(NATIVE) build dist .coverage* .hypothesis .import_linter_cache \
	    .mypy_cache .pytest_cache .ruff_cache

# $(call install,VENV,OPTIONS): exactly the locked packages, and the project itself from this folder.
define install
@$(UV) pip sync --quiet $(2) --compile-bytecode --require-hashes --python $(1)/bin/python requirements-dev.txt
@$(UV) pip install --quiet --no-deps --no-build-isolation --python $(1)/bin/python --editable .
endef

# A .venv that still works is kept. Without uv, the locked uv is brought in by pip, which also checks its hash.
$(VENV)/.stamp: $(LOCKS) pyproject.toml Makefile
	@able() { "$$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; }; \
	if able $(BIN)/python && { $(UV) --version || $(BIN)/python -m pip --version; } >/dev/null 2>&1; then :; \
	elif able $(PYTHON); then \
	    if [ $(UV) = uv ]; then \
	        uv venv --quiet --clear --python "$$($(PYTHON) -c 'import sys; print(sys.executable)')" $(VENV); \
	    elif $(PYTHON) -c 'import ensurepip, venv' 2>/dev/null; then \
	        $(PYTHON) -m venv --clear $(VENV); \
	    else \
	        echo "'$(PYTHON)' cannot make virtual environments. On Debian and Ubuntu: apt install python3-venv." \
	            "Installing uv instead works too." >&2; \
	        exit 1; \
	    fi; \
	elif [ $(UV) = uv ]; then \
	    uv venv --quiet --clear --python '>=3.11' $(VENV); \
	else \
	    echo "sparkify needs Python 3.11 or newer, and '$(PYTHON)' is older or missing." \
	        "Install one and name it (make setup PYTHON=python3.13), or install uv, which brings its own." >&2; \
	    exit 1; \
	fi
	@echo "setup: installing the locked packages into $(VENV)"
	@$(UV) --version >/dev/null 2>&1 || { \
	    sed -n '/^uv==/,/^ *#/p' requirements-dev.txt > $(VENV)/uv.txt && \
	    $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes --requirement $(VENV)/uv.txt; }
	$(call install,$(VENV))
	@touch $@

# $(call build-native): the library is made for exactly the rules and the sources of this checkout. A process may have
# the old one open, so the new one takes its name.
define build-native
built_for=$$($(BIN)/python -c 'from sparkify.validation.native import built_for; print(*built_for())') && \
SPARKIFY_BUILT_FOR="$$built_for" CARGO_TARGET_DIR=build/native $(CARGO) build --quiet --release --offline --locked \
    --manifest-path native/Cargo.toml && \
for made in build/native/release/libsparkify_native.so build/native/release/libsparkify_native.dylib; do \
    if [ -f "$$made" ]; then cp "$$made" $(NATIVE).new && mv $(NATIVE).new $(NATIVE); fi; \
done
endef

# The rules, and what they are made of.
RULES := sparkify/datasets.py \
	$(wildcard sparkify/validation/*.py sparkify/sql/*.py sparkify/sql/tables/staging_*/create.sql)

build/native/.stamp: $(VENV)/.stamp $(wildcard native/Cargo.* native/src/*.rs) $(RULES)
	@rm -f $(NATIVE)
	@if ! $(CARGO) --version >/dev/null 2>&1; then \
	    echo "setup: there is no cargo, so records are judged by SQL; 'make native' gets it and builds the native library"; \
	elif ! { $(call build-native); }; then \
	    echo "setup: the native library could not be built, so records are judged by SQL"; \
	fi
	@mkdir -p $(@D) && touch $@

$(NEWEST)/.stamp-%: $(VENV)/.stamp
	@$(UV) venv --quiet --clear --python "$(NEWEST_PYTHON)" $(NEWEST)
	$(call install,$(NEWEST),--no-build)
	@touch $@

$(OLDER)/.stamp: tests/older_duckdb.txt $(VENV)/.stamp
	@$(UV) venv --quiet --clear --python $(BIN)/python $(OLDER)
	@$(UV) pip sync --quiet --no-build --require-hashes --python $(OLDER)/bin/python tests/older_duckdb.txt
	@touch $@
