# The course's commands. `make` alone lists them. STACK=current behind any of them means vLLM
# 0.32.0 in .venv-current; without it they mean the reference stack, vLLM 0.11.0 in .venv.
.DEFAULT_GOAL := help
PYTHON ?= python3
STACK ?= reference
VENV := $(if $(filter current,$(STACK)),.venv-current,.venv)
BIN := $(VENV)/bin
export UV_PYTHON_DOWNLOADS := never
unexport PYTHONDONTWRITEBYTECODE
# Two workers, each with servers and ports of its own. nbval runs in processes that tests start.
TWO := -n 2 -p no:nbval
ROOT_FLAG := $(if $(filter 0,$(shell id -u)),--allow-root)

.PHONY: help setup lab serve class stop test check record site slides eval-pocket lock clean

help:    ## List the commands
	@sed -n 's/^\([a-z-]*\):.*## /make \1\t/p' $(MAKEFILE_LIST) | expand -t 20

setup:   ## Install everything into .venv (the other commands do it by themselves)
	@$(PYTHON) requirements/install.py $(STACK)

lab: setup ## Open the course in JupyterLab
	@set -a; [ ! -f $(VENV)/course-seat.env ] || . $(VENV)/course-seat.env; \
	$(BIN)/jupyter lab $(ROOT_FLAG) --ServerApp.ip=127.0.0.1 --ServerApp.root_dir=. \
	  --LabApp.default_url=/lab/tree/notebooks/00_check_your_setup.ipynb

serve: setup ## Run the course's vLLM server in this terminal, for notebooks 03 to 05, 07 to 09, 11 to 15
	@$(BIN)/python -m helpers.server

class: setup ## Serve a class: make class STACK=current ARGS="--address 192.168.1.20 --seats 30"
	@$(BIN)/python -m helpers.classroom $(ARGS)

stop:    ## Stop every server that the course has started
	@[ ! -x $(BIN)/python ] || $(BIN)/python -m helpers.server stop

test: setup ## Run every test: helpers, notebooks against a real server, structure (20 to 35 minutes a stack)
	@$(BIN)/python -m pytest $(TWO)

check: setup ## Run the fast tests, lint and format (about a minute)
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/python -m pytest $(TWO) -m "not slow"

record: setup ## Run all notebooks and save their outputs
	@$(BIN)/python notebooks/record.py

site: setup ## Write the recorded notebooks as a website into site/, to read without installing
	@$(BIN)/python notebooks/publish.py

slides: setup ## Write a deck of slides for each lesson into site/slides (npm fetches reveal.js once)
	@$(BIN)/python -m notebooks.slides

eval-pocket: setup ## Ask the running server (make serve) the pocket model's held-out questions
	@$(BIN)/python -m pocket_model.evaluate
	@$(BIN)/python -m pocket_model.natural

lock: setup ## Make the pinned requirement files again
	@UV=$(BIN)/uv requirements/lock.sh

clean: stop ## Stop the servers and remove both .venv
	@rm -rf .venv .venv-current .course
