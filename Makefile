# What people and CI type. Each target says what it does: `make help`.
PYTHON ?= python3
VENV ?= .venv
VAR ?= var
PORT ?= 8000
SERVE ?= 1
BIN := $(VENV)/bin
# Several processes start at once: without the cache each would compile every module again.
unexport PYTHONDONTWRITEBYTECODE
MANAGE := VAR=$(VAR) $(BIN)/python manage.py

.DEFAULT_GOAL := help
.PHONY: help demo clean-demo run test test-faults test-sdks test-rules test-mutations test-spark check lint contracts types browser docs requirements format bench bench-ingest bench-timeline bench-import bench-segments bench-scoring bench-momentary bench-devices clean

help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

# One stamp per requirements file, so that a second call installs nothing.
$(VENV)/%.stamp: requirements/%.txt requirements/tools.txt
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@test -x $(BIN)/uv || $(BIN)/python -m pip install -q --disable-pip-version-check --require-hashes -r requirements/tools.txt
	@$(BIN)/uv pip install -q --python $(BIN)/python --require-hashes -r requirements/$*.txt
	@touch $@

demo: $(VENV)/demo.stamp ## Real data, trained models, a campaign delivered to local sinks, then the admin (SERVE=0: stop after the summary)
	@$(MANAGE) demo --port $(PORT) $(if $(filter 0,$(SERVE)),--no-serve)

clean-demo: ## Remove what the demo made
	rm -rf $(VAR)/demo $(VAR)/demo-report.json

run: $(VENV)/demo.stamp ## Start the whole stack without demo data (PORT=, VAR=)
	@$(MANAGE) run --port $(PORT)

# The workers of pytest share the cores, and threads of OpenMP that wait for one another burn them.
test: export OMP_NUM_THREADS = 1
# A test that hangs says where it does, and fails.
test: $(VENV)/dev.stamp ## Run the tests
	$(BIN)/python -m pytest -n 2 --dist loadscope --max-worker-restart=0 \
	  -o faulthandler_timeout=300 -o faulthandler_exit_on_timeout=true

test-faults: $(VENV)/dev.stamp ## Kill servers while a client sends, and workers that keep segments up or score (some minutes)
	$(BIN)/python -m pytest -s -m faults tests/faults

test-sdks: $(VENV)/dev.stamp ## Send by SDKs that are installed for it (wants npm)
	$(BIN)/python -m pytest -m sdks tests/sdks

test-spark: $(VENV)/dev.stamp $(VENV)/spark.stamp ## Run the tests of features and segments on a Spark cluster of two executors (wants Java 17)
	TEST_ENGINE=spark $(BIN)/python -m pytest -v -W "ignore:PySpark does not yet fully support pandas:FutureWarning" \
	  tests/lifecycle_engine/warehouse/features tests/lifecycle_engine/segments

test-rules: export RULES_EXAMPLES ?= 2000
test-rules: $(VENV)/dev.stamp ## Try many random rules in all engines (RULES_EXAMPLES=2000; some minutes)
	$(BIN)/python -m pytest tests/lifecycle_engine/segments/rules/test_engines.py tests/lifecycle_engine/segments/rules/test_expiring.py

test-mutations: $(VENV)/dev.stamp ## Break each condition in every small way: the tests have to see it (some minutes)
	RULE_MUTANTS=all $(BIN)/python -m pytest -n 2 \
	  tests/lifecycle_engine/segments/rules/test_mutations.py tests/lifecycle_engine/warehouse/test_reading_mutations.py

check: lint contracts types test ## What CI runs: lint, contracts, types, tests

lint: $(VENV)/dev.stamp
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	@PLUGINS= $(BIN)/python manage.py makemigrations --check --dry-run

contracts: $(VENV)/dev.stamp
	$(BIN)/lint-imports

types: $(VENV)/dev.stamp
	$(BIN)/mypy lifecycle_engine campaigns plugins manage.py

browser: ## Install Debian's Chromium for the browser tests
	@command -v chromium >/dev/null || (apt-get update -qq && apt-get install -y -qq chromium fonts-noto-cjk)

docs: $(VENV)/dev.stamp ## Build the documentation
	$(BIN)/sphinx-build -W -b html docs docs/_build/html

format: $(VENV)/dev.stamp ## Format the code
	$(BIN)/ruff check --fix -q . ; $(BIN)/ruff format .

requirements: $(VENV)/dev.stamp ## Compile requirements/*.in again
	cd requirements && for name in dev base models gpu demo spark tools; do \
	  ../$(BIN)/uv pip compile -q --universal --python-version 3.11 --generate-hashes --no-emit-index-url \
	    $$( [ $$name = dev ] || echo "-c dev.txt" ) $$name.in -o $$name.txt; done

bench: $(VENV)/dev.stamp ## Measure: each benchmark prints its figure beside a reference
	$(BIN)/python -m pytest -s tests/benchmarks/bench_*.py

bench-timeline: export TIMELINE_EVENTS ?= 2000000
bench-timeline: $(VENV)/dev.stamp ## Measure a page of a customer's timeline (TIMELINE_EVENTS=2000000)
	$(BIN)/python -m pytest -s tests/benchmarks/bench_timeline.py

bench-momentary: $(VENV)/dev.stamp ## Measure a score that is worked out when it is asked for (BENCH_EVENTS=2000000)
	$(BIN)/python -m pytest -s tests/benchmarks/bench_momentary.py

bench-devices: export TF_CPP_MIN_LOG_LEVEL ?= 3
bench-devices: export BENCH_ROWS ?= 40000
bench-devices: $(VENV)/dev.stamp ## Measure networks by precision and with XLA, on the devices that there are (BENCH_ROWS=40000; a minute or two)
	$(BIN)/python -m pytest -s tests/benchmarks/bench_devices.py

bench-ingest: $(VENV)/dev.stamp ## Measure how fast events are taken in
	$(BIN)/python -m pytest -s tests/benchmarks/bench_ingest.py

bench-import: $(VENV)/dev.stamp ## Measure how fast a file is imported (IMPORT_ROWS=)
	$(BIN)/python -m pytest -s tests/benchmarks/bench_import.py

bench-segments: export BENCH_CUSTOMERS ?= 1000000
bench-segments: export BENCH_FOLDER ?= $(abspath $(VAR))/bench
bench-segments: $(VENV)/dev.stamp ## Measure features and segments over a history that is made once and kept (BENCH_CUSTOMERS=1000000)
	$(BIN)/python -m pytest -s tests/benchmarks/bench_features.py tests/benchmarks/bench_segments.py

bench-scoring: export BENCH_CUSTOMERS ?= 1000000
bench-scoring: export BENCH_FOLDER ?= $(abspath $(VAR))/bench
bench-scoring: $(VENV)/dev.stamp ## Measure runs of scorers beside their bare steps, over the history of bench-segments (BENCH_CUSTOMERS=1000000)
	$(BIN)/python -m pytest -s tests/benchmarks/bench_scoring.py

clean: ## Remove the virtual environment and all state
	rm -rf $(VENV) $(VAR)
