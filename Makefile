# Every target is one command; `make` alone lists them.
MANIFEST ?= manifests/development.yaml
RECONCILER ?= cargo run --quiet --bin reconciler --
# Does nothing when these versions are there. Debug builds: they are quicker to make, and check in seconds all the same.
CARGO_TOOLS = cargo install --quiet --locked --debug --root target/tools cargo-deny@0.20.2 cargo-machete@0.9.2

.DEFAULT_GOAL := help
.PHONY: help install build check lint supply-chain advisories test conformance policy-test page-test docs-page-test api-test client-test bench chaos loop-hours demo self-hosting rollout-under-load image image-test push-test demo-image generate docs-test diagram bless validate plan reconcile

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

install: ## install what building, testing and the demo need (Redis, anvil, solc, boto3, AWS CLI); nothing when all is there
	@scripts/install.sh

build: ## build the three programs
	cargo build --locked --bins

check: ## formatting, lints and the documentation's links
	cargo fmt --check
	cargo clippy --locked --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc --locked --no-deps --lib --quiet

lint: ## the Dockerfile, shell scripts, YAML, Python and this file
	@scripts/lint.sh

supply-chain: ## licences, sources, banned, doubled and unused crates (deny.toml)
	@$(CARGO_TOOLS)
	target/tools/bin/cargo-deny --locked check bans licenses sources
	target/tools/bin/cargo-machete --skip-target-dir

advisories: ## known faults of the crates; fetches the RustSec database from GitHub, so .ci/run, which works without it, leaves it out
	@$(CARGO_TOOLS)
	target/tools/bin/cargo-deny --locked check advisories

test: install ## everything that is fast, the demo among it
	@cargo nextest --version >/dev/null 2>&1 || cargo install --locked cargo-nextest@0.9.143
	cargo nextest run --locked

conformance: install ## the conformance scripts against moto too; rewrites docs/conformance.md, fails on a difference nobody has explained
	@scripts/install.sh moto
	@tests/conformance/run.py --moto

policy-test: install build ## hold the policy of `reconciler policy` to moto's IAM, right by right
	@scripts/install.sh moto
	@tests/policy/moto.py

page-test: install build ## the simulator's and the loop's live pages in headless Chromium; screenshots in target/page
	@command -v chromium >/dev/null || scripts/install.sh packages chromium
	@scripts/page_test.py
	@scripts/loop_page_test.py

docs-page-test: install build ## the API's page at /docs in headless Chromium, one call made from it; its files are their package's; screenshots in target/docs-page
	@command -v chromium >/dev/null || scripts/install.sh packages chromium
	@scripts/swagger-ui/vendor.sh check
	@scripts/docs_page_test.py

client-test: install build ## the TypeScript client: made from /openapi.json anew and compared, compiled, and used against the running API
	@cd clients/typescript && npm ci --no-audit --no-fund --loglevel=error >/dev/null
	@scripts/client_test.py

api-test: install build ## every answer of the API's tests held to /openapi.json and the other way round, then schemathesis with all checks
	@scripts/install.sh api
	@rm -rf target/api-answers && mkdir -p target/api-answers
	@API_ANSWERS=$(CURDIR)/target/api-answers cargo nextest run --locked --test api >target/api-answers.log 2>&1 || { cat target/api-answers.log; exit 1; }
	@scripts/api_test.py

bench: install ## how fast simulated time goes, what a plan costs, how fast one key deploys beside a bare sender, what HTTP costs beside a bare server, optimised (the first build takes minutes)
	cargo bench --locked --bench simulated_time --bench planning --bench engine --bench http

chaos: install ## every fault against the real program, Redis and chain: a table, a line per fault (CHAOS_ROW=13,27 runs two; minutes)
	@[ -e /usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1 ] || scripts/install.sh packages faketime
	cargo test --quiet --locked --test chaos -- --ignored --exact the_table --nocapture

loop-hours: ## two loops and a CI at once for ten simulated hours of random edits (LOOP_SEED=n is another run, LOOP_HOURS another length)
	LOOP_HOURS=$${LOOP_HOURS:-10} cargo nextest run --locked --no-capture --test converge -E 'test(two_loops_and_a_ci)'

bench-calls: ## what a look at one converged unit costs in calls, with a reason for each, and that history does not add to it
	@cargo nextest run --locked --test converge -E 'test(a_no_op_reads_no_more)' >target/bench-calls.log 2>&1 || { cat target/bench-calls.log; exit 1; }
	@cat target/bench-calls.txt

demo: install build ## the whole thing on this machine: an empty account, a converged one, a token on chain, drift healed (KEEP=1 leaves it running)
	@scripts/demo.py $(if $(KEEP),--keep)

self-hosting: install build ## the reconciler deployed by its own manifest, which then heals the service and itself with its task role's rights
	@scripts/self_hosting.py

rollout-under-load: install build ## updates of the API under 200 requests a second: prints `sent N failed N` for each (SET=rollout.strategy=blueGreen adds one)
	@scripts/rollout_under_load.py $(SET:%=--set %)

image: ## build the container image with docker, podman or buildah, whichever is there; podman is installed where none is
	@scripts/image/build.sh

image-test: install image ## run the image as ECS would, with a real Redis and chain; prints size, start time and memory, writes the SBOM
	@scripts/install.sh sbom
	@scripts/image/test.py

push-test: ## build-and-push.sh against Debian's docker-registry: pushed, pulled back by digest, never twice
	@command -v docker-registry >/dev/null || scripts/install.sh packages docker-registry
	@scripts/push_test.py

demo-image: install build image ## the demo with the image's own files for the tasks and the reconciler
	@scripts/image/unpack.sh
	@LOCAL_BINARIES=target/image/bin scripts/demo.py

generate: build ## rewrite what is made from the source (.env.production, manifests/*schema.json, parts of docs/) and from AWS's models (the simulator's shapes)
	scripts/shapes.py >src/simulator/wire/shapes.txt
	target/debug/contracts-api settings --output env >.env.production
	target/debug/contracts-api settings --output markdown >target/settings.md
	sed -i -e '/^<!-- settings: /,/^<!-- .settings -->/{//!d}' -e '/^<!-- settings: /r target/settings.md' docs/deployment.md
	{ echo '```json'; target/debug/reconciler policy manifests/development.yaml; echo '```'; } >target/policy.md
	sed -i -e '/^<!-- policy: /,/^<!-- .policy -->/{//!d}' -e '/^<!-- policy: /r target/policy.md' docs/deployment.md
	target/debug/reconciler policy manifests/development.yaml manifests/reconciler.yaml | \
	  jq -r '"    policy:", "      Version: \(.Version | tojson)", "      Statement:", (.Statement[] | "        - " + tojson)' >target/policy.yaml
	sed -i -e '/^    # policy:$$/,/^    # .policy$$/{//!d}' -e '/^    # policy:$$/r target/policy.yaml' manifests/reconciler.yaml
	target/debug/reconciler explain --markdown >target/fields.md
	sed -i -e '/^<!-- fields: /,/^<!-- .fields -->/{//!d}' -e '/^<!-- fields: /r target/fields.md' docs/manifest.md
	target/debug/reconciler schema >manifests/schema.json
	target/debug/reconciler schema --overlay >manifests/overlay.schema.json

docs-test: install build ## run every command of README.md and docs/ against the simulated AWS, a real Redis and a real chain
	@scripts/docs.py

diagram: ## draw docs/*.mmd as the .svg beside them, with Mermaid in Debian's Chromium
	@scripts/diagram/render.sh

bless: ## rewrite the expected texts of the reconciler's tests; their diff is the review
	BLESS=1 cargo nextest run --locked --test reconciler

validate: ## check MANIFEST, all mistakes at once
	@$(RECONCILER) validate $(MANIFEST)

plan: ## show what MANIFEST would change in AWS
	@$(RECONCILER) plan $(MANIFEST)

reconcile: plan ## show the plan, make AWS equal to MANIFEST and wait until that is proved; in GitHub a summary of both
	@$(RECONCILER) reconcile $(MANIFEST)
