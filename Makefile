# make install   an environment in .venv with everything, from a bare checkout
# make demo      trains, evaluates and predicts on the small corpus in fixtures/
# make pretrain-demo   from the small dump in fixtures/ to a pretrained checkpoint, and NER from that
# make test      what every change should pass, some minutes
# make test-slow what is left: real trainings, kills, several processes, the documents' commands
# make test-engines   jobs on a real Slurm and Ray, where they are installed
# make span-attention   F1 and time of NER with both span attentions; WIKIGOLD=FILE names the data
# make lint      ruff and mypy
# make docs      the tables of options, names and commands in docs/, and the site in build/site
# make test-matrix   both on the newest transformers 5.x, in an environment of its own
# make clean     removes what the others made, runs aside
#
# PYTHON=python3.12 make install   takes another Python, of 3.10 to 3.13.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV := .venv
VENV5 := .venv-transformers5
WHEELS := build/wheels
PYTEST_ARGS ?=

# One process a core or two, each with one thread, beats one process with many here.
WORKERS ?= 2
PYTEST := OMP_NUM_THREADS=1 python -m pytest -n $(WORKERS) --dist worksteal

# Whatever environment make is called from, these use their own.
unexport PYTHONHOME PYTHONPATH VIRTUAL_ENV
export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)
# The Python that makes environments must not be one of them.
BASE_PYTHON = PATH="$${PATH\#$(CURDIR)/$(VENV)/bin:}" $(PYTHON)

PACKAGING := $(shell find packaging -name '*.py' -o -path packaging/requirements.txt)
INSTALL_INPUTS := constraints.txt setup.cfg pyproject.toml $(PACKAGING)

PRETRAINING := runs/pretrain-demo
WIKIGOLD ?= data/wikigold/wikigold.conll.txt
DUMP := fixtures/wikipedia/valdoriawiki-pages-articles-multistream.xml.bz2

.PHONY: install demo pretrain-demo test test-slow test-engines span-attention lint docs test-matrix clean

install: $(VENV)/.installed

$(VENV)/.installed: $(INSTALL_INPUTS)
	@$(BASE_PYTHON) -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] <= (3, 13))' || \
	  { echo "$(PYTHON) should be Python 3.10 to 3.13: name another with make PYTHON=..." >&2; exit 1; }
	test -x $(VENV)/bin/python || $(BASE_PYTHON) -m venv $(VENV)
	python packaging/build_wheels.py --output $(WHEELS)
	@# Python 3.10 comes with a pip that would run the setup.py of old packages itself, which fails.
	python -m pip install --quiet --use-pep517 --constraint constraints.txt --find-links $(WHEELS) \
	  --editable '.[dev]'
	@# A wheel of the same version with other edits would not be installed otherwise.
	python -m pip install --quiet --no-deps --force-reinstall $(WHEELS)/*+modern.1-*.whl
	python -m pip check
	@touch $@

demo: install
	allennlp train training_configs/ner/demo.jsonnet --include-package luke_allennlp -s runs/demo --force
	allennlp evaluate runs/demo/model.tar.gz fixtures/ner/test.conll --include-package luke_allennlp
	allennlp predict runs/demo/model.tar.gz fixtures/ner/sentences.jsonl \
	  --output-file runs/demo/predictions.jsonl --silent --include-package luke_allennlp
	FORCE_COLOR=1 allennlp show-entities runs/demo/predictions.jsonl

# allennlp knows this project's commands in this folder; elsewhere they need --include-package luke_allennlp.
pretrain-demo: install
	rm -rf $(PRETRAINING)
	allennlp wikipedia-extract $(DUMP) -o $(PRETRAINING)/pages --workers 2
	allennlp wikipedia-entity-vocab $(PRETRAINING)/pages $(PRETRAINING)/entity_vocab.jsonl
	allennlp pretraining-dataset $(PRETRAINING)/pages -o $(PRETRAINING)/dataset --tokenizer fixtures/tiny-roberta \
	  --entity-vocab $(PRETRAINING)/entity_vocab.jsonl --max-length 128 --held-out 0.1 --workers 2
	allennlp train training_configs/pretraining/demo_stage1.jsonnet --include-package luke_allennlp \
	  -s $(PRETRAINING)/stage1
	allennlp export-checkpoint $(PRETRAINING)/stage1 $(PRETRAINING)/stage1-exported
	allennlp train training_configs/pretraining/demo_stage2.jsonnet --include-package luke_allennlp \
	  -s $(PRETRAINING)/stage2
	allennlp export-checkpoint $(PRETRAINING)/stage2 $(PRETRAINING)/luke
	allennlp predict $(PRETRAINING)/stage2/model.tar.gz fixtures/wikipedia/masked.jsonl \
	  --output-file $(PRETRAINING)/predictions.jsonl --silent --include-package luke_allennlp
	allennlp train training_configs/ner/demo_pretrained.jsonnet --include-package luke_allennlp \
	  -s $(PRETRAINING)/ner

test: install
	$(PYTEST) -m "not slow" $(PYTEST_ARGS)

test-slow: install
	$(PYTEST) -m "slow and not engine" $(PYTEST_ARGS)

# One after the other: each has the machine's cores to itself.
test-engines: install
	python -m pytest -m engine -rs $(PYTEST_ARGS)

lint: install
	ruff check .
	ruff format --check .
	mypy

span-attention: install
	python benchmarks/span_attention.py --data $(WIKIGOLD)

docs: install
	python docs/generate.py
	NO_MKDOCS_2_WARNING=1 mkdocs build --quiet
	@echo "build/site/index.html"

test-matrix: $(VENV5)/.installed
	PATH="$(CURDIR)/$(VENV5)/bin:$$PATH" $(PYTEST) $(PYTEST_ARGS)

# The same environment, with transformers and what depends on its version left to pip.
$(VENV5)/.installed: $(INSTALL_INPUTS)
	test -x $(VENV5)/bin/python || $(BASE_PYTHON) -m venv $(VENV5)
	$(VENV5)/bin/python packaging/build_wheels.py --output $(WHEELS)
	grep -vE '^(datatrove|transformers|tokenizers|huggingface-hub|hf-xet|cached-path|filelock|fsspec|typer|rich|click)\b' \
	  constraints.txt > build/constraints-transformers5.txt
	$(VENV5)/bin/python -m pip install --quiet --use-pep517 --constraint build/constraints-transformers5.txt \
	  --find-links $(WHEELS) --editable '.[dev]' 'transformers>=5,<6'
	$(VENV5)/bin/python -m pip install --quiet --no-deps --force-reinstall $(WHEELS)/*+modern.1-*.whl
	$(VENV5)/bin/python -m pip check
	@touch $@

clean:
	rm -rf $(VENV) $(VENV5) build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
