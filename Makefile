# Everything that is run by hand or by CI; `make help` lists it.

PYTHON ?= python3
VENV := .venv
DEV := .venv-dev
RIVALS := .venv-rivals
LOWEST := .venv-lowest
GLOO := .venv-gloo

SWIFT_FORMAT := swift format
SWIFT_SOURCES := Package.swift Sources Tests examples/swift
C_SOURCES := $(wildcard CPythonShim/*.[ch] CPythonShim/include/*.h Sources/C*/*.[ch] Sources/C*/include/*.h)
CORE := $(shell find Sources CPythonShim -type f) Package.swift python/build_hook.py
PACKAGE := $(shell find python/vaccine_swift -type f -not -name '*.pyc' -not -name '*.so')
NOTEBOOKS := $(wildcard examples/*.ipynb)
# What cannot be imported without torch.
TORCH_MODULES := python/vaccine_swift/engines/torch python/vaccine_swift/integrations

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

.PHONY: help
help:  ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "%-18s %s\n", $$1, $$2 }' Makefile

.PHONY: demo
demo: $(VENV)/installed  ## Align and attack SmolLM2-135M-Instruct: a small defence study
	$(VENV)/bin/vaccine-swift demo

.PHONY: test
test: check-format test-swift test-python test-gloo check-stubs test-notebooks docs check-wheel  ## Run every test

.PHONY: requirements
requirements:  ## Install the system's packages that the build needs (Debian)
	@python/scripts/install_requirements.sh $(PYTHON)

# MARK: Environments

$(VENV)/installed: pyproject.toml $(CORE) $(PACKAGE) | requirements
	$(PYTHON) -m venv $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check .
	touch $@

# Editable: the stamp depends on what is compiled, not on Python files.
$(DEV)/installed: pyproject.toml $(CORE) | requirements
	$(PYTHON) -m venv $(DEV)
	$(DEV)/bin/pip install --quiet --disable-pip-version-check --editable '.[test]'
	touch $@

$(DEV)/reference-installed: $(DEV)/installed
	$(DEV)/bin/pip install --quiet --disable-pip-version-check --editable '.[test,reference]'
	touch $@

$(DEV)/docs-installed: $(DEV)/installed
	$(DEV)/bin/pip install --quiet --disable-pip-version-check --editable '.[test,docs]'
	touch $@

# An environment of their own: alibi-detect needs older numpy and transformers.
$(RIVALS)/installed: python/benchmarks/rivals.txt
	$(PYTHON) -m venv $(RIVALS)
	$(RIVALS)/bin/pip install --quiet --disable-pip-version-check --requirement $<
	touch $@

.PHONY: develop
develop: $(DEV)/installed  ## Make .venv-dev with an editable install and the test tools

# MARK: Tests

.PHONY: test-swift
test-swift: | requirements  ## Test the Swift core
	swift test

.PHONY: test-python
test-python: $(DEV)/installed  ## Test the Python package, docstrings included
	$(DEV)/bin/pytest
	$(DEV)/bin/pytest --doctest-modules python/vaccine_swift $(TORCH_MODULES:%=--ignore=%)

.PHONY: test-gloo
test-gloo: $(DEV)/installed  ## Test data-parallel ranks with the system's torch; says skipped without
	$(DEV)/bin/python python/scripts/gloo_tests.py

# Known seeds first, then free ones; a finding is printed with the seed that shows it again.
SECONDS ?= 300

.PHONY: fuzz
fuzz: $(DEV)/installed  ## Fuzz the binary module and all readers of files for SECONDS=300
	cd python && $(CURDIR)/$(DEV)/bin/python -m fuzz --seconds $(SECONDS)

# With the oldest versions that pyproject.toml admits. Left out are tests whose own tools are newer:
# list views of Arrow, and a GGUF writer that writes a key twice.
.PHONY: test-lowest
test-lowest: $(DEV)/installed  ## Test with the lowest versions of all dependencies
	$(PYTHON) -m venv $(LOWEST)
	$(LOWEST)/bin/pip install --quiet --disable-pip-version-check --requirement python/tests/lowest.txt
	PYTHONPATH=$(CURDIR)/python $(LOWEST)/bin/python -m pytest -p no:cacheprovider \
		-k "not (list_view or wrong_type_names_file_and_key)" \
		python/tests/test_golden.py python/tests/test_laws.py python/tests/test_peft.py \
		python/tests/test_peft_modules.py python/tests/test_gguf.py \
		python/tests/test_gguf_wrong.py python/tests/test_data_files.py \
		python/tests/test_tokenizer.py python/tests/test_tokenizer_saved.py \
		python/tests/test_tokenizer_templates.py \
		python/tests/test_gguf_families.py python/tests/test_chat_templates.py \
		python/tests/test_drift_files.py python/tests/test_drift_file_columns.py \
		python/tests/test_drift_report.py python/tests/test_drift_streams_memory.py \
		python/tests/test_drift_streams.py python/tests/test_drift_two_sample.py \
		python/tests/test_trainer.py python/tests/test_files_hostile.py python/tests/test_cli_align.py

.PHONY: test-asan test-ubsan test-tsan
test-asan: $(DEV)/installed  ## Test the core from Swift and Python with AddressSanitizer
	$(DEV)/bin/python python/scripts/sanitized_tests.py address
test-ubsan: $(DEV)/installed  ## The same with UndefinedBehaviorSanitizer, which looks at C
	$(DEV)/bin/python python/scripts/sanitized_tests.py undefined
test-tsan: $(DEV)/installed  ## The same with ThreadSanitizer
	$(DEV)/bin/python python/scripts/sanitized_tests.py thread

.PHONY: check-stubs
check-stubs: $(DEV)/installed  ## Check types, and compare _core.pyi with the compiled module
	$(DEV)/bin/python -m mypy
	$(DEV)/bin/python -m mypy.stubtest vaccine_swift._core \
		--allowlist python/tests/stubtest_allowlist.txt --ignore-unused-allowlist

.PHONY: test-notebooks
test-notebooks: $(DEV)/installed  ## Run the notebooks on a tiny model
	rm -rf .ipython && cp -r python/tests/notebook_profile .ipython
	$(if $(NOTEBOOKS),IPYTHONDIR=$(CURDIR)/.ipython VACCINE_EXAMPLES=$(CURDIR)/examples \
	    $(DEV)/bin/pytest --nbmake $(NOTEBOOKS))

.PHONY: test-reference
test-reference: $(DEV)/reference-installed $(RIVALS)/installed  ## Compare live with torch, peft and drift detectors
	VACCINE_RIVALS=$(CURDIR)/$(RIVALS) $(DEV)/bin/pytest -m reference
	$(DEV)/bin/pytest --doctest-modules $(TORCH_MODULES)

.PHONY: test-gpu
test-gpu: $(DEV)/reference-installed  ## Test the torch engine on a GPU; says skipped without
	$(DEV)/bin/python python/scripts/gpu_tests.py

.PHONY: docs
docs: $(DEV)/docs-installed  ## Build the documentation site into site/; a broken link fails
	PYTHONPATH=python/scripts $(DEV)/bin/zensical build --strict --clean

.PHONY: check-wheel
check-wheel: $(DEV)/installed  ## Build sdist and wheel, import the wheel in a clean environment
	PIP_DISABLE_PIP_VERSION_CHECK=1 $(DEV)/bin/python python/scripts/check_wheel.py

# The Pythons of this machine among those that the wheel is for; a version manager's stand-in for
# one that is not chosen does not run.
PYTHONS ?= $(foreach minor,11 12 13 14,$(shell python3.$(minor) -c 'import sys; print(sys.executable)' 2>&-))

.PHONY: wheel
wheel: $(DEV)/installed  ## Build the wheel for release into dist/ and test it in bare environments
	$(DEV)/bin/pip install --quiet --disable-pip-version-check --editable '.[test,release]'
	$(DEV)/bin/python python/scripts/release_wheel.py $(PYTHONS)

.PHONY: bench
bench: $(DEV)/reference-installed  ## Measure speed and memory against PyTorch
	$(DEV)/bin/python python/benchmarks/run.py
	$(DEV)/bin/python python/benchmarks/generation.py

.PHONY: bench-gpu
bench-gpu: $(DEV)/reference-installed  ## Measure the torch engine on a GPU; says skipped without
	$(DEV)/bin/python python/benchmarks/gpu.py

.PHONY: bench-quantised
bench-quantised: $(DEV)/reference-installed  ## Measure weights in GGUF blocks, and known shapes against PyTorch
	$(DEV)/bin/python python/benchmarks/quantised.py
	$(DEV)/bin/python python/benchmarks/shaped_step.py qwen2.5-0.5b
	$(DEV)/bin/python python/benchmarks/shaped_step.py llama-3.2-1b
	$(DEV)/bin/python python/benchmarks/shaped_step.py llama-2-7b

.PHONY: bench-distributed
bench-distributed: $(DEV)/installed  ## Measure data-parallel steps on two processes of mpirun
	$(DEV)/bin/python python/benchmarks/distributed.py

.PHONY: bench-drift
bench-drift: $(DEV)/installed $(RIVALS)/installed  ## Measure drift against alibi-detect, numpy and the machine
	$(DEV)/bin/python python/benchmarks/drift_run.py --rivals $(RIVALS)

.PHONY: bench-loops
bench-loops: $(DEV)/installed  ## Measure the drift functions against numpy and scipy loops
	$(DEV)/bin/python python/benchmarks/loops.py

# MARK: Format

.PHONY: check-format
check-format: $(DEV)/installed  ## Check the format of Swift, C and Python
	$(SWIFT_FORMAT) lint --strict --parallel --recursive $(SWIFT_SOURCES)
	$(DEV)/bin/clang-format --dry-run -Werror $(C_SOURCES)
	$(DEV)/bin/ruff check python
	$(DEV)/bin/ruff format --check python

.PHONY: format
format: $(DEV)/installed  ## Format Swift, C and Python
	$(SWIFT_FORMAT) format --in-place --parallel --recursive $(SWIFT_SOURCES)
	$(DEV)/bin/clang-format -i $(C_SOURCES)
	$(DEV)/bin/ruff check --fix python
	$(DEV)/bin/ruff format python

.PHONY: clean
clean:  ## Remove builds and environments
	rm -rf .build .build-* $(VENV) $(DEV) $(RIVALS) $(LOWEST) $(GLOO) dist site python/vaccine_swift/_core.abi3.so
	rm -rf .mypy_cache .pytest_cache .ruff_cache .hypothesis
	find python examples -name __pycache__ -type d -prune -exec rm -rf {} +
