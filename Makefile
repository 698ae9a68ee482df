# make demo: see it work.   make test: prove it.   Both set up what they need in .venv; ARGS='--no-serve --json' goes to the program.
PYTHON ?=
ARGS ?=
PY := .venv/bin/python
PIP_INSTALL := -m pip install --quiet --no-input --disable-pip-version-check
LOCKED := $(PIP_INSTALL) --require-hashes --build-constraint requirements/build.lock -r
TYPED := plugin rules fhir_adapters $(wildcard tests/support)
RESOLVE := .venv/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock'

.PHONY: demo test check install dev peer lock vendor clean bench long docs

demo: install
	.venv/bin/almoner demo $(ARGS)

test: check peer
	$(PY) -m pytest -n auto --maxprocesses 4 $(ARGS)

check: dev
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy $(TYPED)
	.venv/bin/lint-imports

install: .venv/.installed
dev: .venv/.dev
peer: .venv-peer/.installed

.venv/.installed: pyproject.toml requirements/build.lock requirements/runtime.lock
	@sh requirements/venv.sh .venv "$(PYTHON)"
	@$(PY) $(LOCKED) requirements/runtime.lock
	@$(PY) $(PIP_INSTALL) --no-deps --build-constraint requirements/build.lock --editable .
	@touch $@

.venv/.dev: .venv/.installed requirements/dev.lock
	@$(PY) $(LOCKED) requirements/dev.lock
	@touch $@

# The FHIR server that the integration tests talk to: not ours, so in an environment of its own.
.venv-peer/.installed: requirements/build.lock requirements/peer.lock
	@sh requirements/venv.sh .venv-peer "$(PYTHON)"
	@.venv-peer/bin/python $(LOCKED) requirements/peer.lock
	@touch $@

# Resolves the newest versions that pyproject.toml allows; dev.lock repeats runtime.lock's versions.
lock: dev
	$(PY) $(PIP_INSTALL) uv==0.13.9
	$(RESOLVE) pyproject.toml -o requirements/runtime.lock
	$(RESOLVE) pyproject.toml --group dev -c requirements/runtime.lock -o requirements/dev.lock
	$(RESOLVE) --group build -o requirements/build.lock
	$(RESOLVE) --group peer -o requirements/peer.lock

# The editor of the playground, from the versions that package-lock.json pins by hash. Needs Node; its result is checked in.
vendor:
	cd requirements/editor && npm ci --ignore-scripts --no-audit --no-fund && npm run build

clean:
	rm -rf .venv .venv-peer requirements/editor/node_modules build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# What it costs, side by side in one run; read the ratios.
bench: dev
	$(PY) -m benchmarks.first_light $(ARGS)

# Long forms: a million generated comparisons, with a seed of their own.
long: dev peer
	ALMONER_GENTEST_COMPARISONS=1000000 ALMONER_GENTEST_SEED=$$(date +%s) $(PY) -m pytest tests/generative -n auto $(ARGS)

# The pages that are made from the code.
docs: dev
	PYTHONPATH=tests $(PY) -m support.language_reference && PYTHONPATH=tests $(PY) -m support.constructs
	.venv/bin/almoner schema --out rules/schema
	.venv/bin/almoner check --explain all > docs/reference/lints.md
	.venv/bin/almoner docs rules/packs --out docs/reference/packs
