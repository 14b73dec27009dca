# make            builds bin/buildd, bin/buildctl and the examples
# make native     the client as a native executable, dist/native/buildctl, which bin/buildctl then runs
# make native-daemon  the daemon as well, dist/native/buildd, which bin/buildd runs if BUILDD_NATIVE is set; not for production yet
# make quickstart installs what is missing, builds, and runs a first build
# make test       runs all tests
# make test-install  installs, upgrades and removes the Debian package in a copy of this system; needs root
# make test-native  runs the tests of the client with the native executable
# make test-native-daemon  runs those of the daemon as a process with it (TESTS picks some)
# make check      formatting, lint and the rules of the architecture
# make bench      measures (see docs/performance.md)
# make soak       5,000 builds with faults of all kinds, and a report of what leaked (docs/soak.md); needs root
# make install    installs what was built (PREFIX, DESTDIR), with a runtime: no JDK is needed where it runs
# make release    a Debian package, a tarball and checksums in dist/release; make deb is the same
# make dev        a daemon with its state in .dev

JDK := $(shell hack/find-jdk.sh)
ifneq ($(JDK),)
export JAVA_HOME := $(JDK)
endif
export PREFIX
MVN = $$(hack/find-maven.sh) -B
TESTS = dev/buildd/daemon/*Test

.PHONY: all build native native-daemon packages test-packages quickstart test test-install test-native test-native-daemon check format bench soak install deb release dev clean

all: build

packages:
	@hack/packages.sh run

test-packages:
	@hack/packages.sh test
	@hack/buildx.sh >/dev/null

build:
	@hack/find-jdk.sh >/dev/null
	$(MVN) -q package -DskipTests
	@hack/assemble.sh
	@hack/train.sh

native: build
	@hack/packages.sh native
	@hack/native/build.sh buildctl

native-daemon: build
	@hack/packages.sh native
	@hack/native/build.sh buildd

quickstart: packages build
	@hack/quickstart.sh

# the daemons of the tests are the program that users start, not classes without an AOT cache
test: test-packages build
	BUILDD_PROGRAM=$(CURDIR)/bin/buildd $(MVN) verify

test-install: build
	hack/test-manifests.sh
	hack/test-install.sh

test-native: native
	BUILDCTL_PROGRAM=$(CURDIR)/dist/native/buildctl $(MVN) test -pl buildctl -am \
	  -Dtest='dev/buildd/buildctl/*Test' -Dsurefire.failIfNoSpecifiedTests=false

test-native-daemon: native-daemon
	BUILDD_NATIVE=1 BUILDD_PROGRAM=$(CURDIR)/bin/buildd $(MVN) verify -pl buildd -am \
	  -Dtest='$(TESTS)' -Dsurefire.failIfNoSpecifiedTests=false

check:
	$(MVN) -q spotless:check
	$(MVN) -q package -DskipTests

format:
	$(MVN) -q spotless:apply

bench: build
	@hack/bench.sh

soak: build
	@hack/soak.sh

# what make or make native left, so that root needs no build to install
install:
	@hack/install.sh "$(DESTDIR)"

deb release: build
	@hack/release.sh

dev: build
	bin/buildd --root .dev/root --addr unix://$(CURDIR)/.dev/buildd.sock --debug

clean:
	$(MVN) -q clean
	rm -rf bin dist
