# make            builds bin/buildd, bin/buildctl and the examples
# make quickstart installs what is missing, builds, and runs a first build
# make test       runs all tests
# make check      formatting, lint and the rules of the architecture
# make bench      measures (see docs/performance.md)
# make dev        a daemon with its state in .dev

JDK := $(shell hack/find-jdk.sh)
ifneq ($(JDK),)
export JAVA_HOME := $(JDK)
endif
MVN = $$(hack/find-maven.sh) -B

.PHONY: all build packages test-packages quickstart test check format bench dev clean

all: build

packages:
	@hack/packages.sh run

test-packages:
	@hack/packages.sh test

build:
	@hack/find-jdk.sh >/dev/null
	$(MVN) -q package -DskipTests
	@hack/assemble.sh
	@hack/train.sh

quickstart: packages build
	@hack/quickstart.sh

# the daemons of the tests are the program that users start, not classes without an AOT cache
test: test-packages build
	BUILDD_PROGRAM=$(CURDIR)/bin/buildd $(MVN) verify

check:
	$(MVN) -q spotless:check
	$(MVN) -q package -DskipTests

format:
	$(MVN) -q spotless:apply

bench: build
	@hack/bench.sh

dev: build
	bin/buildd --root .dev/root --addr unix://$(CURDIR)/.dev/buildd.sock --debug

clean:
	$(MVN) -q clean
	rm -rf bin dist
