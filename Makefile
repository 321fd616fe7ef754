# The commands:
#   make demo    the HPA scales a pool on guest CPU, on a local cluster
#   make check   the quick loop while you work on the server
#   make test    everything that must pass

VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo devel)
GO_MODULES = . test/bench test/cluster test/hpa test/kubevirt
GOLANGCI_LINT = go tool -modfile=$(CURDIR)/tools/go.mod golangci-lint run ./...
export CGO_ENABLED ?= 0

# Lint has govet, and vets once for all ways in which packages are built here.
GO_TEST = go test -vet=off

.PHONY: all
all: build

.PHONY: build
build: ## Build bin/guest-metrics-server, and bin/kubectl-guest_metrics for kubectl.
	go build -ldflags "-X guest-metrics-server/pkg/app.Version=$(VERSION)" -o bin/ ./cmd/guest-metrics-server
	go build -ldflags "-s -w" -o bin/ ./cmd/kubectl-guest_metrics

.PHONY: demo
demo: ## Show the HPA scale two pools, on CPU and on requests; builds what it needs (cold about 12 minutes, cached afterwards).
	@go run ./test/demo

.PHONY: check
check: ## Lint the product and run its own tests: under a minute, once all is built.
	$(GOLANGCI_LINT)
	$(GO_TEST) ./cmd/... ./pkg/...

.PHONY: test
test: lint unit e2e test-guest ## Run everything that must pass.

.PHONY: lint
lint: ## Check the code of every module.
	@echo "== lint (with nothing cached this compiles Kubernetes and KubeVirt, about 15 minutes on two cores; the tests use the same)"
	@before=$$(mktemp -d) && cp $(GENERATED_API)/zz_generated.* $$before && $(MAKE) --no-print-directory generate && \
		for file in $(GENERATED_API)/zz_generated.*; do diff $$before/$${file##*/} $$file || { echo "commit what \"make generate\" has written"; exit 1; }; done; \
		status=$$?; rm -r $$before; exit $$status
	@for module in $(GO_MODULES); do echo "golangci-lint in $$module"; (cd $$module && $(GOLANGCI_LINT)) || exit 1; done

# The race detector needs cgo, and with it a second build of all dependencies:
# the product gets that, the local cluster's parts of KubeVirt do not. test/hpa draws
# anew in each run, and prints the seed. The hours of pkg/simulate and the lives of
# pkg/evaluate begin at a fixed seed, so that a rare draw that finds a defect does not
# fail an innocent change; -seed 0 draws anew.
.PHONY: unit
unit: ## Run unit and scenario tests, the product's under the race detector.
	@echo "== unit and scenario tests"
	CGO_ENABLED=1 $(GO_TEST) -race -shuffle=on ./...
	$(GO_TEST) -count=1 -v ./pkg/simulate -run TestHours -hours 1000
	$(GO_TEST) -count=1 -v ./pkg/evaluate -run TestLives -lives 1500
	cd test/kubevirt && $(GO_TEST) -shuffle=on ./...
	cd test/hpa && $(GO_TEST) -count=1 -shuffle=on -v ./...

.PHONY: loop
loop: ## Print what the rules for newcomers cost a pool, in virtual time (under a minute).
	$(GO_TEST) -count=1 -v ./pkg/simulate -run TestNewcomers -cell-hours 40

.PHONY: e2e
e2e: ## Run the end-to-end tests on a local cluster.
	@echo "== end-to-end tests: builds a control plane and KubeVirt first (cold about 15 minutes)"
	$(GO_TEST) -tags e2e -count=1 -timeout 90m -v ./test/e2e

.PHONY: hpa-live
hpa-live: ## Compare pkg/hpa with the live HPA controller of a local cluster, over hundreds of random decisions (3 minutes).
	$(GO_TEST) -tags e2e -count=1 -timeout 15m -v ./test/hpalive

.PHONY: accuracy
accuracy: ## Measure how exact and how quick rates are: in virtual time, then each setting for 10 minutes on a local cluster with KubeVirt's own cache.
	go run ./test/accuracy
	$(GO_TEST) -tags e2e,accuracy -run TestAccuracyOfSettings -count=1 -timeout 3h -v ./test/e2e

.PHONY: test-guest
test-guest: ## Compare what is served of a real guest under QEMU with what it counts itself; takes root on Debian.
	@echo "== a real guest (2 minutes; with nothing cached it builds for 15 more and downloads 60 MB of Debian packages)"
	$(GO_TEST) -tags e2e -count=1 -timeout 90m -v ./test/guest

.PHONY: bench
bench: ## Measure the server on simulated fleets and beside its peers (25 minutes); report and profiles go to bin/bench.
	cd test/bench && go run .
	cd test/bench && go test -run '^$$' -bench . -cpu 1 -count 6 .

.PHONY: docs
docs: ## Write docs/metrics.md, docs/reasons.md and docs/findings.md from the tables.
	go test ./pkg/metric ./pkg/reason ./pkg/plugin/findings -run TestDocsAgree -update

GENERATED_API = pkg/api/guestmetrics/v1alpha1
GENERATOR = go tool -modfile=$(CURDIR)/tools/go.mod
OPENAPI_OF = k8s.io/apimachinery/pkg/apis/meta/v1 k8s.io/apimachinery/pkg/api/resource

.PHONY: generate
generate: ## Write the deepcopy functions and the OpenAPI definitions of guestmetrics.io from its types.
	$(GENERATOR) deepcopy-gen --go-header-file=/dev/null --output-file=zz_generated.deepcopy.go ./$(GENERATED_API)
	$(GENERATOR) openapi-gen --go-header-file=/dev/null --report-filename=/dev/null \
		--output-dir=$(GENERATED_API) --output-pkg=guest-metrics-server/$(GENERATED_API) \
		--output-file=zz_generated.openapi.go --output-model-name-file=zz_generated.model_name.go \
		$(OPENAPI_OF:%=--readonly-pkg=%) $(OPENAPI_OF) ./$(GENERATED_API)

.PHONY: help
help: ## List the targets.
	@sed -n 's/^\([a-z0-9-]*\):.*## /\1\t/p' $(MAKEFILE_LIST) | expand -t 12
