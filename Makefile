# Each target does all its own set-up on a bare machine with Python 3.11 or newer.
VENV := .venv
BIN := $(VENV)/bin
PYTHON ?= python3
WORKERS ?= 2

# Sizes of the long runs: rounds and first seed of the crash audit and the fuzzer (a fuzzer's round is some
# 11,000 inputs and 10 seconds), seeds of the simulation, seconds of the parser's fuzzer, vehicle-hours.
ROUNDS ?= 300
SEED ?= 1
SEEDS ?= 0:10000
SECONDS ?= 60
HOURS ?= 1000000

.PHONY: demo run test conformance bench bench-simulator simulate mutate vehicle-hours fuzz fuzz-parser crash-audit \
	reliability interop format clean

demo: $(VENV)/.installed
	$(BIN)/csms demo $(ARGS)

run: $(VENV)/.installed
	$(BIN)/csms serve

test: $(VENV)/.installed-dev
	PATH="$(CURDIR)/$(BIN):$$PATH" tools/check.sh

# Against the `iso15118` package, in a Python of its own; its Java comes as a wheel where there is none.
interop: $(VENV)/.installed-dev .build/interop/.installed
	PATH="$(CURDIR)/.build/interop/java:$$PATH" ISO15118_PYTHON=.build/interop/bin/python \
		$(BIN)/python -m pytest -q tests/interop

.build/interop/.installed: tools/provide_interop.sh
	tools/provide_interop.sh "$(PYTHON)" .build/interop
	touch $@

conformance: $(VENV)/.installed-dev
	$(BIN)/python tools/conformance.py $(ARGS)

bench: $(VENV)/.installed-dev
	$(BIN)/python -m benchmarks --page docs/benchmarks.md $(ARGS)

bench-simulator: $(VENV)/.installed-dev
	$(BIN)/python -m benchmarks.simulator $(ARGS)

crash-audit: $(VENV)/.installed-dev
	$(BIN)/python -m reliability crash --rounds $(ROUNDS) $(ARGS)

reliability: crash-audit
	for what in outage disk stop restart herd flood; do $(BIN)/python -m reliability $$what $(ARGS) || exit 1; done

vehicle-hours: $(VENV)/.installed-dev
	$(BIN)/python -m tests.vehicle_hours --hours $(HOURS) --jobs $(WORKERS) $(ARGS)

simulate: $(VENV)/.installed-dev
	$(BIN)/python -m tests.simulation --seeds $(SEEDS) --jobs $(WORKERS) $(ARGS)

fuzz: $(VENV)/.installed-dev
	$(BIN)/python -m tests.fuzz --rounds $(ROUNDS) --seed $(SEED) $(if $(URL),--url $(URL)) $(ARGS)

mutate: $(VENV)/.installed-dev
	tools/provide_venv.sh "$(PYTHON)" $(VENV) '.[dev,mutate]'
	$(BIN)/python tools/mutate.py $(WORKERS)

fuzz-parser: $(VENV)/.installed-dev
	tools/provide_venv.sh "$(PYTHON)" $(VENV) '.[dev,fuzz]'
	mkdir -p .build/fuzz
	$(BIN)/python -m tests.fuzz.parser .build/fuzz -max_total_time=$(SECONDS) -max_len=20000 \
		-artifact_prefix=.build/ $(ARGS)

format: $(VENV)/.installed-dev
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format --quiet .

$(VENV)/.installed: pyproject.toml constraints.txt tools/provide_venv.sh
	tools/provide_venv.sh "$(PYTHON)" $(VENV) .
	touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt tools/provide_venv.sh
	tools/provide_venv.sh "$(PYTHON)" $(VENV) '.[dev]'
	tools/provide_mosquitto.sh
	touch $@ $(VENV)/.installed

clean:
	rm -rf $(VENV) .build .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis var
