# `make` lists the targets. Every target makes the virtual environment that it needs, once.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PYTHON ?= python3
# More for pytest: make test PYTEST_ARGS='-k wiring -x'
PYTEST_ARGS ?= -n 2 --dist loadfile
# Folders of the plugins that are packaged apart; each is named as its distribution.
PLUGINS := $(patsubst %/pyproject.toml,%,$(sort $(wildcard plugins/*/pyproject.toml)))
# Folders of the distributions that `make build` builds.
DISTRIBUTIONS := . $(PLUGINS) mods_plugin

SDK3 := .venv-sdk3/bin/python
SDK2 := .venv-sdk2/bin/python
SDK3_READY := .venv-sdk3/.ready
SDK2_READY := .venv-sdk2/.ready

export PYTHON
# The SDKs look for a region, and for a machine in AWS, as soon as they are imported.
export AWS_DEFAULT_REGION := us-east-1
export AWS_EC2_METADATA_DISABLED := true
# Many tests start an interpreter: without cached bytecode each would compile its imports again.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

# What MODS gives to every start of a pipeline. Nothing of it is used on this machine.
MODS_PARAMETERS := --param EXECUTION_S3_PREFIX=s3://example-bucket/executions --param VPC_SUBNET=subnet-0123456789abcdef0 \
    --param SECURITY_GROUP_ID=sg-0123456789abcdef0 --param KMS_ENCRYPTION_KEY_PARAM=alias/example

.PHONY: demo
demo: $(SDK3_READY) ## Compile the example pipeline for MODS, and run it on this machine
	@# Not into the environment itself: there mods-plugin would be active in every compile of every test.
	$(SDK3) -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --upgrade \
	    --target examples/breast_cancer/build/mods-plugin ./mods_plugin
	cd examples/breast_cancer && PYTHONPATH=build/mods-plugin \
	    ../../.venv-sdk3/bin/dagcast compile pipeline.yaml -o build/definition.json
	@# Jobs cannot write bytecode into the environment: without it each would compile its imports again.
	@cd examples/breast_cancer/code && ../../../$(SDK3) -c 'import evaluate, preprocess, train'
	cd examples/breast_cancer && PYTHONPATH=build/mods-plugin \
	    ../../.venv-sdk3/bin/dagcast run pipeline.yaml --runs build/runs $(MODS_PARAMETERS)

.PHONY: test
test: $(SDK3_READY) ## Run the whole test suite on SDK 3
	$(SDK3) -m pytest $(PYTEST_ARGS)

# What runs a definition imports no SDK: its own tests run once, on SDK 3, and here those that need the SDK.
SDK2_TESTS := $(filter-out tests/runner/,$(wildcard tests/*/)) tests/runner/by_hand $(wildcard tests/runner/*/test_sdk_*.py)

.PHONY: test-sdk2
test-sdk2: $(SDK2_READY) ## Run the tests that depend on the SDK on SDK 2
	$(SDK2) -m pytest $(PYTEST_ARGS) $(SDK2_TESTS)

.PHONY: test-images
test-images: $(SDK3_READY) $(SDK2_READY) ## Compare all images of both SDKs' tables
	$(SDK3) -m pytest $(PYTEST_ARGS) -m all_images tests/integration/emit/test_image_tables.py
	$(SDK2) -m pytest $(PYTEST_ARGS) -m all_images tests/integration/emit/test_image_tables.py

.PHONY: lint
lint: $(SDK3_READY) ## Check style and format with ruff, and which room imports which
	$(SDK3) -m ruff check
	$(SDK3) -m ruff format --check
	@# mods-plugin is not installed into the environment.
	PYTHONPATH=mods_plugin .venv-sdk3/bin/lint-imports --no-cache --no-logo

.PHONY: format
format: $(SDK3_READY) ## Put the code into the format that lint asks for
	$(SDK3) -m ruff check --fix
	$(SDK3) -m ruff format

.PHONY: types
types: $(SDK3_READY) ## Check types with mypy --strict, also what users' type checkers see
	$(SDK3) -m mypy

.PHONY: build
build: $(SDK3_READY) ## Build source archives and wheels into dist/
	rm -rf dist
	set -e; for folder in $(DISTRIBUTIONS); do $(SDK3) -m build --no-isolation --outdir dist "$$folder"; done

.PHONY: bench
bench: $(SDK3_READY) $(SDK2_READY) ## Measure against pipelines written by hand, on both SDKs, and local runs
	$(SDK3) -m benchmarks --sdk3-python $(SDK3) --sdk2-python $(SDK2)

.PHONY: constraints
constraints: $(SDK3_READY) ## Resolve the pins in constraints/ anew
	set -e; for sdk in sdk3 sdk2; do for minor in 10 11; do \
	    printf -- '-e %s\n' ".[$$sdk]" $(PLUGINS) | \
	    $(SDK3) -m uv pip compile - --quiet --upgrade --no-header --no-annotate \
	        --group pyproject.toml:dev --python-version 3.$$minor \
	        --no-emit-package dagcast $(addprefix --no-emit-package ,$(notdir $(PLUGINS))) \
	        --output-file constraints/py3$$minor-$$sdk.txt; \
	done; done
	echo kfp | $(SDK3) -m uv pip compile - --quiet --upgrade --no-header --no-annotate \
	    --python-version 3.10 --output-file constraints/bench-kfp.txt

.PHONY: clean
clean: ## Remove everything that the other targets made
	rm -rf .venv-sdk3 .venv-sdk2 dist .pytest_cache .mypy_cache .ruff_cache .hypothesis examples/*/build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

.venv-%/.ready: pyproject.toml $(PLUGINS:=/pyproject.toml) .ci/make-venv constraints/py310-%.txt constraints/py311-%.txt
	@.ci/make-venv $*
	@touch $@
