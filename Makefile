# `make run` and `make test` need nothing but make and a Python: the first call sets up .venv.
#
#     PYTHON=python3.12   which interpreter (default: what .venv has, else the first supported one found)
#     ARGS="..."          more flags for `run`, or more arguments for `test`

.DEFAULT_GOAL := help
.PHONY: help run report browser test check docs test-all test-cluster test-contract test-labelling test-pythons test-schedules test-spark test-teachers lock format clean environment lint wheel-check

PYTHON ?=
ARGS ?=
VENV := .venv
PY := $(VENV)/bin/python
# A file of tests stays in one process, so that its fixtures are made once.
PYTEST := $(PY) -m pytest --numprocesses auto --maxprocesses 4 --dist loadfile

help: ## show these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: environment ## extract the bundled corpus with the bundled model into ./out
	@$(PY) -m pipeline.run --runner=DirectRunner $(ARGS)

report: environment ## open the report of the newest run in ./out that did anything (ARGS="--run_id ID": another)
	@$(PY) -m jobs.report --open $(ARGS)

browser: ## install Chromium for the tests of the report, where Debian's packages are and root asks
	@.ci/browser

test: environment ## the tests, but for those marked slow
	@$(PYTEST) $(ARGS)

# One recipe, so that the order is kept under `make -j` too; quick checks first.
check: environment ## what CI runs: ruff, mypy, the built wheel in an empty environment, the tests
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	.ci/wheel-check $(PY)
	$(PYTEST)

test-all: check ## check, then the slow tests, new property examples, schedules, Spark, labelling, teachers, contract, clusters, Python 3.12 and 3.13
	$(PY) -m pytest -m slow
	$(PY) -m pytest -m "hypothesis and not slow and not cluster" --hypothesis-profile=search
	.ci/test-schedules $(PY)
	.ci/test-spark $(PY)
	.ci/test-labelling $(PY)
	.ci/test-teachers $(PY)
	.ci/test-contract $(PY)
	.ci/test-cluster $(PY)
	.ci/test-pythons $(PY) 3.12 3.13

docs: environment ## the documentation as a site, in ./site, and what of it is made from the code
	@$(PY) -m jobs.docs
	@NO_MKDOCS_2_WARNING=1 $(PY) -m mkdocs build --quiet --config-file jobs/docs/mkdocs.yml
	@echo site/index.html

test-pythons: environment ## extraction, training and tests with real Python 3.12 and 3.13, where the machine has them
	@.ci/test-pythons $(PY) 3.12 3.13

test-schedules: environment ## the schedules with a real Airflow and the schemas of Kubernetes
	@.ci/test-schedules $(PY)

test-spark: environment ## the tables read with Spark, with the types that DuckDB, pandas and Polars find, and as published
	@.ci/test-spark $(PY)

test-labelling: environment ## the tasks of jobs.label read and exported by Label Studio's own SDK
	@.ci/test-labelling $(PY)

test-teachers: environment ## the script for spaCy's labels and the comparison of taggers, with spaCy itself
	@.ci/test-teachers $(PY)

test-contract: environment ## an output against the data contract, by datacontract-cli, and with the sources of dbt
	@.ci/test-contract $(PY)

test-cluster: environment ## the job on a real Flink cluster and on Prism, a TaskManager killed under way
	@.ci/test-cluster $(PY)

# Not on `environment`: that needs a lock that fits pyproject.toml, and this makes one.
lock: ## resolve pyproject.toml anew into the locks (UPGRADE=--upgrade for newer versions)
	@.ci/lock "$(PYTHON)" $(UPGRADE)

format: environment ## format the code, and fix what ruff can fix
	$(PY) -m ruff check --fix .
	$(PY) -m ruff format .

clean: ## remove environments, caches, builds and ./out
	rm -rf .venv .venv-* .mypy_cache .pytest_cache .ruff_cache .hypothesis build dist out site
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

environment:
	@.ci/environment $(VENV) "$(PYTHON)"
