# make demo: the whole line on this machine.   make test: all tests.   make help: the rest.
.DEFAULT_GOAL := help
SHELL := /bin/sh
PARTS ?=
IMAGES ?=
PORT ?=
DIR ?=
TRIGGERS ?=
HOURS ?=
SCALE ?=
EXAMPLES ?=
FAULTS ?=
JSON ?=
SYSTEM := mosquitto=mosquitto ffmpeg=ffmpeg systemd-analyze=systemd mkfs.ext4=e2fsprogs fiu-run=fiu-utils

.PHONY: help demo test soak lint test-train docs lock wheel clean

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' $(MAKEFILE_LIST)

# An environment whose interpreter is gone is made again.
$(foreach venv,.venv .venv-train,$(if $(wildcard $(venv)/bin/python),,$(shell rm -f $(venv)/*.stamp)))

.venv/station.stamp: requirements/station.txt pyproject.toml
	@requirements/setup.sh .venv requirements/station.txt $@

.venv/test.stamp: requirements/test.txt pyproject.toml
	@requirements/setup.sh .venv requirements/test.txt $@
	@touch .venv/station.stamp

.venv-train/train.stamp: requirements/train.txt pyproject.toml
	@requirements/setup.sh .venv-train requirements/train.txt $@

demo: .venv/station.stamp ## the virtual line, live; PARTS=40 ends by itself, IMAGES=DIR shows real photos, PORT=, DIR=
	@.venv/bin/linegate demo $(if $(PARTS),--parts $(PARTS)) $(if $(IMAGES),--images "$(IMAGES)") \
	  $(if $(PORT),--port $(PORT)) $(if $(DIR),--directory "$(DIR)")

test: .venv/test.stamp ## checks and all tests of the station
	@requirements/system.sh $(SYSTEM)
	@$(MAKE) --no-print-directory lint
	.venv/bin/python -m pytest tests --ignore=tests/training

soak: .venv/test.stamp ## every fault many times; TRIGGERS=, PARTS=, HOURS=, SCALE=, EXAMPLES=, FAULTS=, JSON= (docs/faults.md)
	@requirements/system.sh $(SYSTEM)
	@.venv/bin/python -m tests.faults.soak $(if $(TRIGGERS),--triggers $(TRIGGERS)) $(if $(PARTS),--parts $(PARTS)) \
	  $(if $(HOURS),--hours $(HOURS)) $(if $(SCALE),--scale $(SCALE)) $(if $(EXAMPLES),--examples $(EXAMPLES)) \
	  $(if $(FAULTS),--only "$(FAULTS)") $(if $(JSON),--json "$(JSON)")

lint: .venv/test.stamp ## formatting, ruff, mypy, import layers
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	.venv/bin/lint-imports

test-train: .venv-train/train.stamp ## the tests of training (PyTorch)
	OMP_NUM_THREADS=1 .venv-train/bin/python -m pytest -p no:anyio tests/training

docs: .venv/test.stamp ## write docs/commands.md and docs/images/verdict.jpg anew
	.venv/bin/python docs/commands.py
	.venv/bin/python docs/verdict_picture.py

lock: ## write the locked requirements anew
	requirements/lock.sh

wheel: .venv/test.stamp ## build the wheel into dist/
	.venv/bin/python -m pip wheel --quiet --no-deps --no-build-isolation --wheel-dir dist .

clean: ## remove environments, builds and caches
	rm -rf .venv .venv-train build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
