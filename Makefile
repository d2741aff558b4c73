# make: everything; make test; make ui; make bench; make lock; make check; make docs; make graph; make hooks
PYTHON ?= python3
PORT ?= 5077
BIN := .venv/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check --require-hashes
# Installs the same files in a quarter of pip's time, as links to its cache. Compiled now, on all cores: where
# PYTHONDONTWRITEBYTECODE is set, as in many containers, every job would compile torch anew.
UV := UV_HTTP_TIMEOUT=180 $(BIN)/uv pip install --quiet --python .venv --require-hashes --compile-bytecode
GRAPH := results/digits/settings.json results/digits/figures/settings.json search/digits/choice.yaml
# The variable silences the theme's notice: it is maintained until May 2027, and Zensical is to follow it.
DOCS := NO_MKDOCS_2_WARNING=1 mkdocs build --strict
export PATH := $(CURDIR)/$(BIN):$(PATH)

run: say .venv/ready
	snakemake
	@echo "Tables are in results/digits/table.md, figures in results/digits/figures/. The history: make ui"

# Times as measured on two cores.
say:
	@echo "make installs what is missing and runs what is not done yet:"
	@if [ .venv/ready -nt requirements.lock ]; then echo "  1. the environment in .venv: it is there"; else \
	  echo "  1. the environment in .venv: about 6 GB to download and unpack, a minute or more, silent"; fi
	@echo "  2. snakemake, the default experiments of params.yaml: digits as it comes takes 2 to 3 minutes"

.venv/ready: requirements.lock
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else \
	  f"jointnn needs Python 3.11 to 3.13, but $(PYTHON) is {v[0]}.{v[1]}. Name another one: make PYTHON=python3.12")'
	$(PYTHON) -m venv .venv
	@sed -n '/^uv==/,/^ *#/p' requirements.lock > .venv/uv.txt
	@{ $(PIP) --requirement .venv/uv.txt && $(UV) --requirement requirements.lock; } || { \
	  echo "uv could not install requirements.lock; pip does, which takes 3 to 5 minutes."; \
	  $(PIP) --requirement requirements.lock; }
	$(BIN)/pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
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
	python -m jointnn jae_layers --check
	$(DOCS)

docs: .venv/ready
	$(DOCS)
	@echo "Done. Open site/index.html. With search, and anew at every change: .venv/bin/mkdocs serve"

hooks: .venv/ready
	pre-commit install

graph: .venv/ready
	mkdir -p work
	snakemake $(GRAPH) --rulegraph > work/rulegraph.dot
	# Of graphviz (apt-get install graphviz): tred leaves out arrows that follow from others.
	sed 's/color = "[^"]*"/color = "#4477AA"/' work/rulegraph.dot | tred | dot -Tsvg -o docs/images/rulegraph.svg
	dot -Tsvg docs/images/which_method.dot -o docs/images/which_method.svg

report: .venv/ready
	python -m jointnn report

ui: .venv/ready
	@python -m jointnn ui --port $(PORT)

bench: .venv/ready
	@for file in $(filter-out benchmarks/install.py,$(wildcard benchmarks/*.py)); do python $$file || exit 1; done

lock: .venv/ready
	uv pip compile pyproject.toml --all-extras --universal --python-version 3.11 --generate-hashes \
	  --no-emit-index-url --custom-compile-command "make lock" --output-file requirements.lock --quiet

.PHONY: run say test fast check docs graph hooks report ui bench lock
