# make demo: see it work.   make test: prove it.   Both set up what they need in .venv; ARGS='--no-serve --json' goes to the program.
PYTHON ?=
ARGS ?=
PY := .venv/bin/python
PIP_INSTALL := -m pip install --quiet --no-input --disable-pip-version-check
LOCKED := $(PIP_INSTALL) --require-hashes --build-constraint requirements/build.lock -r
# One more than processors, for many tests wait for servers; at most four.
WORKERS ?= $(shell n=$$(getconf _NPROCESSORS_ONLN); if [ $$n -lt 4 ]; then echo $$((n + 1)); else echo 4; fi)
TYPED := plugin rules fhir_adapters $(wildcard tests/support tests/robustness)
RESOLVE := .venv/bin/uv pip compile --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	--no-emit-index-url --no-emit-find-links --custom-compile-command 'make lock'

.PHONY: demo test check install dev peer robustness lock vendor clean bench bench-large long roads spark postgresql chaos kills mutation fuzz hostile cql docs texts

demo: install
	.venv/bin/almoner demo $(ARGS)

test: check peer
	$(PY) -m pytest -n $(WORKERS) $(ARGS)

check: dev
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy $(TYPED)
	.venv/bin/lint-imports

install: .venv/.installed
dev: .venv/.dev
peer: .venv-peer/.installed
robustness: .venv-robustness/.installed

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

# What makes mutants and fuzzes: an hour's work now and then, so its libraries stay out of the way.
.venv-robustness/.installed: requirements/build.lock requirements/robustness.lock
	@sh requirements/venv.sh .venv-robustness "$(PYTHON)"
	@.venv-robustness/bin/python $(LOCKED) requirements/robustness.lock
	@touch $@

# Spark, and what our tests need: half a gigabyte, of which few make use.
.venv-spark/.installed: pyproject.toml requirements/build.lock requirements/spark.lock
	@sh requirements/venv.sh .venv-spark "$(PYTHON)"
	@.venv-spark/bin/python $(LOCKED) requirements/spark.lock
	@.venv-spark/bin/python $(PIP_INSTALL) --no-deps --build-constraint requirements/build.lock --editable .
	@touch $@

# Gathers what pages for staff say; new texts stand in es.po without a translation, and a test fails until they have one.
texts: dev
	@.venv/bin/pybabel --quiet extract --mapping-file pyproject.toml --keywords marked --keywords Told --no-location --sort-output --omit-header --output almoner.pot plugin fhir_adapters rules
	@.venv/bin/pybabel --quiet update --input-file almoner.pot --output-file plugin/texts/es.po --locale es --no-fuzzy-matching --ignore-obsolete --omit-header --width 140
	@rm almoner.pot

# Resolves the newest versions that pyproject.toml allows; dev.lock repeats runtime.lock's versions.
lock: dev
	$(PY) $(PIP_INSTALL) uv==0.13.9
	$(RESOLVE) pyproject.toml -o requirements/runtime.lock
	$(RESOLVE) pyproject.toml --group dev -c requirements/runtime.lock -o requirements/dev.lock
	$(RESOLVE) pyproject.toml --group dev --extra spark -c requirements/dev.lock -o requirements/spark.lock
	$(RESOLVE) --group build -o requirements/build.lock
	$(RESOLVE) --group peer -o requirements/peer.lock
	$(RESOLVE) --group robustness -o requirements/robustness.lock

# The editor of the playground, from the versions that package-lock.json pins by hash. Needs Node; its result is checked in.
vendor:
	cd requirements/editor && npm ci --ignore-scripts --no-audit --no-fund && npm run build

clean:
	rm -rf .venv .venv-peer .venv-robustness .venv-spark .fuzz requirements/editor/node_modules $(CQL)/node_modules build dist
	rm -rf .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache

# What it costs, side by side in one run; read the ratios.
bench: dev
	$(PY) -m benchmarks.first_light $(ARGS)
	$(PY) -m benchmarks.rules_core $(ARGS)
	$(PY) -m benchmarks.warehouse
	$(PY) -m benchmarks.cds_hooks --short
	$(PY) -m benchmarks.ingest
	$(PY) -m benchmarks.delta_sweep --people 1000
	$(PY) -m benchmarks.registry --people 10000
	$(PY) -m benchmarks.outreach

# Beside programs of others, which are fetched from npm and PyPI into a folder of their own; and whole sweeps of up to a million people,
# and of people with as many resources as in a real export. Takes hours, and 10 GB of the disk.
bench-large: dev
	$(PY) -m benchmarks.peers $(ARGS)
	$(PY) -m benchmarks.registry --people 10000 100000 1000000
	$(PY) -m benchmarks.registry --people 10000 100000 --heavy 25

# Long forms: a million generated comparisons, with a seed of their own; a warehouse through 500 sequences of pulls and 500 kills;
# 10,000 hook calls and messages of feedback that went wrong on the way.
long: dev peer
	ALMONER_GENTEST_COMPARISONS=1000000 ALMONER_GENTEST_SEED=$$(date +%s) $(PY) -m pytest tests/generative -n auto $(ARGS)
	ALMONER_WAREHOUSE_EXAMPLES=500 $(PY) -m pytest tests/generative/test_warehouse_sequences.py --hypothesis-profile search $(ARGS)
	ALMONER_INGEST_EXAMPLES=500 $(PY) -m pytest tests/unit/fhir_adapters/warehouse/test_ingest.py $(ARGS)
	ALMONER_WAREHOUSE_KILLS=500 $(PY) -m pytest tests/integration/test_warehouse_kills.py $(ARGS)
	ALMONER_MUTATIONS=10000 ALMONER_MUTATIONS_SEED=$$(date +%s) $(PY) -m pytest tests/conformance/test_mutated.py $(ARGS)

# The same 20,000 people through the sweep, evaluate --engine durable, and CDS Hooks.
roads: dev
	ALMONER_ROADS_PEOPLE=20000 $(PY) -m pytest tests/integration/test_sweep_three_roads.py $(ARGS)

# 100,000 people on Spark, in this process and over Spark Connect: no cell may differ from DuckDB's. Needs Java 17 or 21.
ON_SPARK := PYSPARK_SUBMIT_ARGS="--driver-memory 4g pyspark-shell" .venv-spark/bin/python -m pytest tests/integration/test_spark.py
spark: .venv-spark/.installed
	ALMONER_SPARK_PEOPLE=$${ALMONER_SPARK_PEOPLE:-100000} $(ON_SPARK) $(ARGS)
	ALMONER_SPARK_PEOPLE=$${ALMONER_SPARK_PEOPLE:-100000} SPARK_REMOTE="local[2]" $(ON_SPARK) $(ARGS)

# Every test that may open an application or start a command, with the databases of them all on a real PostgreSQL server.
ON_A_SERVER := $(addprefix tests/,unit/plugin browser integration acceptance conformance security)
postgresql: dev peer
	ALMONER_TESTS_ON=postgresql $(PY) -m pytest $(ON_A_SERVER) -n $(WORKERS) $(ARGS)

# Kills pulls and sweeps by the hundred; prints what it counted. ALMONER_KILLS=5000 for more.
chaos: dev
	ALMONER_KILLS=$${ALMONER_KILLS:-500} ALMONER_KILLS_SEED=$$(date +%s) $(PY) -m pytest tests/integration/test_bulk_kills.py -s $(ARGS)
	ALMONER_SWEEP_KILLS=$${ALMONER_KILLS:-500} ALMONER_KILLS_SEED=$$(date +%s) $(PY) -m pytest tests/integration/test_sweep_kills.py -s $(ARGS)
	ALMONER_KILLS=$${ALMONER_KILLS:-300} ALMONER_KILLS_SEED=$$(date +%s) $(PY) -m pytest tests/integration/test_acting_kills.py -s $(ARGS)

# Holds the rules core against change and against hostile input; each prints what it counted. ARGS='--sample 80' for part of the mutants.
mutation: dev robustness
	.venv-robustness/bin/python -P tests/robustness/mutation.py $(ARGS)

fuzz: robustness
	.venv-robustness/bin/python -P tests/robustness/fuzz.py $(ARGS)

hostile: dev
	$(PY) -P tests/robustness/hostile.py 2>/dev/null

# Five hundred kills while decisions are made and written; nothing may be lost or doubled.
kills: dev peer
	ALMONER_KILLS=250 $(PY) -m pytest tests/integration/test_writeback_kills.py $(ARGS)

# The exported CQL on engines of others. Needs Node.js and npm; what it installs stays in tests/support/cql/node_modules.
CQL := tests/support/cql
cql: dev $(CQL)/node_modules/.installed
	ALMONER_CQL_NODE_MODULES=$(CQL)/node_modules $(PY) -m pytest tests/integration/test_cql_engines.py $(ARGS)

$(CQL)/node_modules/.installed: $(CQL)/package-lock.json
	@npm ci --prefix $(CQL) --no-audit --no-fund --loglevel=error
	@touch $@

# The pages that are made from the code.
docs: dev
	PYTHONPATH=tests $(PY) -m support.language_reference && PYTHONPATH=tests $(PY) -m support.constructs && PYTHONPATH=tests $(PY) -m support.vendor_pages && PYTHONPATH=tests $(PY) -m support.client_pages && PYTHONPATH=tests $(PY) -m support.conformance && PYTHONPATH=tests $(PY) -m support.api_page
	.venv/bin/almoner schema --out rules/schema
	.venv/bin/almoner check --explain all > docs/reference/lints.md
	.venv/bin/almoner docs rules/packs --out docs/reference/packs
