# make: everything; make test; make ui; make bench; make lock; make check
PYTHON ?= python3
PORT ?= 5077
BIN := .venv/bin
export PATH := $(CURDIR)/$(BIN):$(PATH)

run: .venv/ready
	snakemake
	@echo "Done. Look at results/digits/table.md and results/digits/figures/; browse the history with: make ui"

.venv/ready: requirements.lock
	$(PYTHON) -m venv .venv
	$(BIN)/pip install --quiet --disable-pip-version-check --requirement requirements.lock
	touch $@

test: .venv/ready
	python -m pytest --numprocesses auto --dist loadfile

fast: .venv/ready
	python -m pytest --numprocesses auto --dist loadfile -m "not slow"

check: .venv/ready
	ruff format --check .
	ruff check .
	mypy
	snakefmt --check Snakefile workflow
	snakemake --lint
	python -m jointnn schema --check
	python -m jointnn layers --check

report: .venv/ready
	snakemake --report report.html

ui: .venv/ready
	python -m jointnn track
	@echo "MLflow: http://127.0.0.1:$(PORT)  (Ctrl-C ends it)"
	MLFLOW_SERVER_ENABLE_JOB_EXECUTION=false mlflow server --host 127.0.0.1 --port $(PORT) \
	  --backend-store-uri sqlite:///mlflow.db --artifacts-destination ./mlartifacts --workers 1

bench: .venv/ready
	@for file in benchmarks/*.py; do python $$file || exit 1; done

lock: .venv/ready
	uv pip compile pyproject.toml --extra dev --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --custom-compile-command "make lock" --output-file requirements.lock --quiet

.PHONY: run test fast check report ui bench lock
