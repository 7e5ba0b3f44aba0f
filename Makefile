# One command for everything.  `make demo` needs only Python; the rest sets itself up.

PYTHON ?= $(shell command -v python3 || command -v python)
VENV := .venv/bin/python
VENV37 := .venv37/bin/python
SIZE ?= 50MB
FUZZ_SECONDS ?= 180
# Each of these folders stands alone, with modules of the same names.
SHOWCASE := instrumentation metadata queries scenarios

.DEFAULT_GOAL := help
.PHONY: help demo generate analyze serve setup test test-alone test-old test-unmeasured test-measured \
	lint fuzz-smoke coverage bench load soak fuzz focus engines-env bench-engines detectors snapshots \
	screenshots reference zipapp chartjs clean

help: ## show what there is
	@grep -hE '^[a-z0-9-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 14

demo: ## generate a dataset if there is none, analyze it, serve the reports
	@$(PYTHON) -m finops demo

generate: ## grow the simulated dataset to SIZE (default 50MB)
	@$(PYTHON) -m finops generate --size $(SIZE)

analyze: ## run the analyzers and write the reports
	@$(PYTHON) -m finops analyze

serve: ## show the dashboard and the reports in a browser
	@$(PYTHON) -m finops serve

setup: ## prepare the development environment
	@$(PYTHON) scripts/setup_dev.py

test: setup ## run every check there is
	@$(SIDE_BY_SIDE) lint fuzz-smoke
	@$(MAKE) test-alone
	@rm -f .coverage .coverage.*
	@$(SIDE_BY_SIDE) test-old test-unmeasured test-measured
	@$(MAKE) coverage

# Many tests wait for something, and each run of them ends with one test at a time: runs side by
# side keep the cores busy.
SIDE_BY_SIDE := MAKE="$(MAKE)" $(VENV) scripts/side_by_side.py

# Each of the many processes that tests start would compile everything anew.
unexport PYTHONDONTWRITEBYTECODE

SHARED := -n 2 --dist loadfile
# They wait for browsers and servers, and there are more of them.
WAITING := -n 3 --dist loadfile
# The files with tests that run by themselves; it takes long to look through all the others.
ALONE := $(shell grep -rl --include='test_*.py' 'mark[.]alone' tests)
# The files with tests that run without coverage, for the same reason.
UNMEASURED := $(sort $(shell grep -rl --include='test_*.py' 'mark[.]unmeasured' tests))
# Long files first, as tests/conftest.py sorts them (the runner for Python 3.7 has its own order).
ORDERED := --no-loadscope-reorder

test-alone: # the tests of how long requests take, on both Pythons
	@$(VENV) -m pytest $(ALONE) -m alone
	@if [ -x $(VENV37) ]; then \
		$(VENV37) -m pytest $(ALONE) -p no:cacheprovider -m "alone and not slow and not soak"; fi

test-old: # the tests of what ships, on Python 3.7
	@if [ -x $(VENV37) ]; then \
		FINOPS_TEST_KILLS=15 $(VENV37) -m pytest tests $(SHARED) -p no:cacheprovider -m "not slow and not soak and not once and not alone"; fi

test-unmeasured: # on the newest Python, what coverage would only slow down
	@$(VENV) -m pytest $(UNMEASURED) -m "unmeasured and not alone and not soak" $(WAITING) $(ORDERED)

test-measured: # on the newest Python, the others
	@$(VENV) -m pytest tests -m "not unmeasured and not alone and not soak" $(SHARED) $(ORDERED) --cov --cov-report=

coverage: # the share of lines and branches of src that the measured tests went through
	@$(VENV) scripts/coverage_gate.py

lint: setup ## check style and types
	@$(VENV) -m ruff format --check .
	@$(VENV) -m ruff check .
	@$(VENV) -m mypy
	@for folder in $(SHOWCASE); do \
		(cd showcase/$$folder && ../../$(VENV) -m mypy --strict --cache-dir ../../.mypy_cache/showcase .) \
		|| exit 1; done

bench: setup ## measure generating, reading and reporting against the yardsticks
	@$(VENV) scripts/bench.py

load: setup ## measure the viewer's start-up and status beside 500 MB, while all analyzers run
	@$(VENV) scripts/load_viewer.py

detectors: setup ## score detectors and forecast on many simulated datasets (takes an hour)
	@$(VENV) scripts/evaluate_seeds.py
	@$(VENV) scripts/evaluate_seeds.py --size 200MB
	@$(VENV) scripts/evaluate_seeds.py --no-incidents --seeds 42,1-10
	@PYTHONPATH=src $(VENV) scripts/backtest.py
	@PYTHONPATH=src $(VENV) scripts/many_customers.py

fuzz: setup ## fuzz all that reads bytes of others, FUZZ_SECONDS (default 180) for each target
	@PYTHONPATH=src:. $(VENV) -m scripts.fuzz --seconds $(FUZZ_SECONDS)

fuzz-smoke: # the same, 60 s for all targets together
	@PYTHONPATH=src:. $(VENV) -m scripts.fuzz --total 60 --if-possible

focus: setup ## hold FOCUS exports against the FinOps Foundation's validator
	@$(PYTHON) scripts/setup_dev.py focus
	@$(VENV) -m pytest tests/exporters/test_focus_validator.py -m soak -q

soak: setup ## the long tests: 100 kills on 500 MB, 2 GB read, 100,000 requests (5 GB of disk)
	@$(PYTHON) scripts/setup_dev.py focus
	@PYTHONPATH=src:. $(VENV) scripts/soak.py

engines-env: setup ## prepare the environment in which Spark is tested (400 MB, needs Java 17)
	@$(PYTHON) scripts/setup_dev.py engines

bench-engines: setup ## measure engines beside the local scan, on 50 MB and on 500 MB
	@PYTHONPATH=src:. $(VENV) scripts/bench_engines.py

snapshots: setup ## write the snapshots of result keys and pages anew
	@UPDATE_SNAPSHOTS=1 $(VENV) -m pytest tests -k snapshot

screenshots: setup ## make the README's pictures from real pages
	@$(VENV) scripts/screenshots.py

reference: setup ## write the references of commands and results, docs/cli.md and docs/results.md
	@$(VENV) scripts/reference.py
	@PYTHONPATH=src $(VENV) scripts/results_reference.py

zipapp: ## pack the whole product into one file, dist/finops.pyz
	@$(PYTHON) scripts/pack.py

chartjs: ## put a copy of Chart.js at hand, so that charts draw without a network
	@$(PYTHON) scripts/setup_dev.py chartjs

clean: ## remove what tests and tools leave (not your data, not your reports)
	@rm -rf .pytest_cache .mypy_cache .ruff_cache .hypothesis .coverage .coverage.* htmlcov build dist
	@find src scripts showcase tests viewer -name __pycache__ -type d -prune -exec rm -rf {} +
