# Everything that is built lies below build/. Works on a bare Debian 12; each target installs what it lacks. The lab's nodes
# are made by root; what concerns the image can be done by anybody who may install packages with sudo.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
# where Debian has mke2fs and others, and does not look for a user who is not root
export PATH := $(PATH):/usr/sbin:/sbin
.PHONY: help run provision run-console image bundle buildroot sizes lock env lab assets test test-all test-buildroot directives bench screenshots soak sanitize fuzz clean root
.PHONY: unit-packages bench-packages fuzz-packages lab-packages image-packages unit-env lab-env browser-env always

# Debian's own interpreter, which the nodes use too
PYTHON := /usr/bin/python3
VENV := build/venv
NODES := $(PYTHON) tests/lab/nodes
IMAGE ?= build/image/disk.img
BUNDLE ?= build/bundle.raucb

# Buildroot, and where it builds; what else is said on make's command line goes on to it
OUTPUT ?= build/buildroot
BUILDROOT_BUILD = BUILDROOT="$(BUILDROOT)" OUTPUT="$(OUTPUT)" DL="$(DL)" FRAGMENT="$(FRAGMENT)" LINE="$(LINE)" buildroot/scripts/build
BUILDROOT_WORDS = $(filter-out BUILDROOT=% OUTPUT=% DL=% FRAGMENT=% LINE=%,$(MAKEOVERRIDES))

# what builds the firmware · the image, and boots it · a station of the factory · what unit tests use · what runs on a node of the lab · what its tests use · a browser
FIRMWARE_PACKAGES := gcc libc6-dev librsync-dev libxxhash-dev libzstd-dev python3 python3-cffi python3-dev python3-setuptools python3-wheel
IMAGE_PACKAGES := $(FIRMWARE_PACKAGES) cpio e2fsprogs genimage grub-common grub-pc-bin kmod libglib2.0-dev libssl-dev make \
	openssh-client openssl pkg-config qemu-system-x86 rauc squashfs-tools
PKCS11_PACKAGES := libengine-pkcs11-openssl
SOFT_TOKEN_PACKAGES := $(PKCS11_PACKAGES) opensc softhsm2
STATION_PACKAGES := fonts-dejavu-core openssh-client python3-cairo python3-segno python3-serial
UNIT_PACKAGES := $(FIRMWARE_PACKAGES) $(STATION_PACKAGES) poppler-utils python3-zbar busybox librsync2 libxxhash0 libzstd1 openssh-client patch python3-cffi-backend python3-h11 python3-netifaces \
	python3-psutil python3-pyinotify python3-serial python3-tornado python3-venv shellcheck strace util-linux
LAB_PACKAGES := $(UNIT_PACKAGES) ca-certificates ethtool execline haproxy iproute2 keepalived netbase nftables openntpd openssh-server openssl procps s6 \
	tcpdump tzdata wireguard-go wireguard-tools
TEST_PACKAGES := curl e2fsprogs mount qemu-system-common rsync xxhash
BROWSER_PACKAGES := chromium fonts-dejavu-core
BENCH_PACKAGES := csync2
FUZZ_PACKAGES := clang libclang-rt-dev

# all that the firmware and a root of the appliance are made of · the node layer · the image
SOURCES := pyproject.toml setup.py tests/quick_image/install.py buildroot/board/finish.py buildroot/board/owners \
	$(shell find firmware native overlay -name __pycache__ -prune -o -type f -not -name '_native*' -not -name '*.o' -print | sort)
LAYER_SOURCES := $(SOURCES) build/assets.made tests/lab/layer.py
FRONTEND := $(shell find firmware/wui/frontend -type f | sort)
IMAGE_SOURCES := $(SOURCES) $(wildcard buildroot/board/* buildroot/configs/* tests/quick_image/*)
BASE_SOURCES := $(addprefix tests/quick_image/,unpack make-rauc packages.lock leave-out not-unpacked) buildroot/board/kernel.list

help: ## this list
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 14

run: image-packages $(filter build/image/disk.img,$(IMAGE)) ## two virtual units play the story and stay until Ctrl-C (ONCE=1: end after it; COLD=1: from power-on)
	IMAGE=$(IMAGE) $(PYTHON) tests/support/story.py --kind qemu --short $(if $(filter-out 0,$(ONCE)),,--stay) $(if $(filter-out 0,$(COLD)),--cold)

provision: image-packages $(VENV)/made $(filter build/image/disk.img,$(IMAGE)) ## two fresh virtual units get their identity over the serial line, as in a factory; build/provision (ONCE=1: end after it)
	IMAGE=$(IMAGE) $(VENV)/bin/python tests/support/factory_story.py $(if $(filter-out 0,$(ONCE)),,--stay) $(if $(filter-out 0,$(COLD)),--cold)

run-console: ## the console of one of them (NODE=1)
	@$(NODES) --kind qemu console $(or $(NODE),1)

image: image-packages assets build/image/disk.img ## the disk image, build/image/disk.img

assets: build/assets.made ## the pages of the web UI, build/assets

buildroot: assets build/keys/made ## the product's image, by the Buildroot in BUILDROOT=DIR, as OUTPUT/images/disk.img (see docs/image.md)
	@$(BUILDROOT_BUILD)

bundle: image-packages $(if $(filter pkcs11:%,$(KEY)),pkcs11-packages) build/keys/made $(filter build/image/disk.img,$(IMAGE)) ## what upgrades a unit to that image, signed: build/bundle.raucb (see docs/upgrade.md)
	buildroot/scripts/make-bundle $(dir $(IMAGE))slot.squashfs $(BUNDLE) $(or $(CERTIFICATE),build/keys/signer.pem) \
		'$(or $(KEY),build/keys/signer.key)' $(INTERMEDIATES)

sizes: image ## what takes the room in a slot
	@tests/quick_image/sizes build/image/base build/image/root

lock: ## notes the newest versions of Debian's packages for the image
	tests/quick_image/lock >build/packages.lock && mv build/packages.lock tests/quick_image/packages.lock

env: root image lab-env browser-env ## whatever the nodes of both kinds and the tests need

lab: lab-env ## two nodes play the story: pair, push, save, reboot
	$(PYTHON) tests/support/story.py

# What the tests need is told from their paths in ARGS. Unit tests need no nodes, and so no root. The image is built by the first
# test that asks for it, and only its tests need its tools.
ASKED := $(filter tests tests/%,$(ARGS))
NEEDED := $(if $(ASKED),$(if $(filter-out tests/unit tests/unit/%,$(ASKED)),lab-env,unit-env),lab-env)
NEEDED += $(if $(or $(filter tests tests/browser tests/browser/% tests/image tests/image/test_document% tests/image/test_upgrade_page%,$(ASKED)),$(if $(ASKED),,all)),browser-env)
NEEDED += $(if $(or $(filter tests tests/image tests/image/%,$(ASKED)),$(if $(ASKED),,all)),image-packages)

# Most tests wait for nodes, so there are more workers than two cores; a module's tests share nodes and stay together.
WORKERS ?= 4
PYTEST = IMAGE=$(if $(filter-out build/image/disk.img,$(IMAGE)),$(abspath $(IMAGE))) \
	$(VENV)/bin/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder --durations=20

test: $(NEEDED) ## every behaviour once, in minutes (ARGS=tests/… or others of pytest; IMAGE=… is the image under test)
	$(PYTEST) $(ARGS)

test-all: $(NEEDED) fuzz-packages ## everything: each step, each case, each test of the image
	$(PYTEST) --all $(ARGS)

test-buildroot: unit-env ## what Buildroot says of our tree (BUILDROOT=DIR and so on, as for buildroot)
	@buildroot/scripts/install-packages bc build-essential cpio file flake8 python3-magic rsync unzip wget
	BUILDROOT="$(BUILDROOT)" OUTPUT="$(OUTPUT)" DL="$(DL)" FRAGMENT="$(FRAGMENT)" LINE="$(LINE)" $(VENV)/bin/python -m pytest tests/image/buildroot_tree.py $(ARGS)

directives: unit-env ## writes docs/directives.md from the declarations of the services
	$(VENV)/bin/python -c "from firmware.operations import service_help as h; \
		open('docs/directives.md', 'w').write(h.as_markdown(h.all_services()))"

bench: env bench-packages ## prints a table, writes build/bench.json (ARGS=trees, units, lab, csyncd, pushes_of_files or pushes_of_maps: that part; ARGS=product IMAGE=…: Buildroot's)
	IMAGE=$(abspath $(IMAGE)) $(VENV)/bin/python tests/long/bench.py $(ARGS)

screenshots: browser-env ## pictures of the web UI, build/screenshots
	$(VENV)/bin/python tests/support/screenshots.py

soak: env ## the long runs, build/soak.json (ARGS="endurance=50": that one, 50 times; SEED=… again)
	$(VENV)/bin/python tests/long/soak.py $(if $(SEED),--seed $(SEED)) $(ARGS)

sanitize: unit-env fuzz-packages ## the C part by itself, under the address, undefined and thread sanitizers, and its fuzz targets for a moment
	$(VENV)/bin/python -m pytest -n 0 --all tests/unit/native tests/unit/test_native.py $(ARGS)

fuzz: unit-env fuzz-packages ## the fuzz targets of the C part for SECONDS each (LIBRSYNC=DIR: librsync's sources, whose coverage leads the fuzzer)
	$(VENV)/bin/python tests/long/fuzz.py $(or $(SECONDS),300) $(LIBRSYNC)

clean: ## everything built goes, labs first (with BUILDROOT=DIR: what Buildroot built in OUTPUT)
ifneq ($(BUILDROOT),)
	@$(BUILDROOT_BUILD) clean
else
	for lock in $$(find build -name lab.lock 2>/dev/null); do $(NODES) --state "$$(dirname "$$lock")" down; done
	rm -rf build firmware/_native* *.egg-info
endif

root:
	@((!EUID)) || { echo "image.mk: only root can make nodes of the lab: run it as root, or with sudo" >&2; exit 1; }

image-packages:
	@buildroot/scripts/install-packages $(IMAGE_PACKAGES)

lab-packages:
	@buildroot/scripts/install-packages $(LAB_PACKAGES) $(TEST_PACKAGES)

bench-packages:
	@buildroot/scripts/install-packages $(BENCH_PACKAGES)

fuzz-packages:
	@buildroot/scripts/install-packages $(FUZZ_PACKAGES)

pkcs11-packages:
	@buildroot/scripts/install-packages $(PKCS11_PACKAGES)

soft-token-packages:
	@buildroot/scripts/install-packages $(SOFT_TOKEN_PACKAGES)

unit-packages:
	@buildroot/scripts/install-packages $(UNIT_PACKAGES)

unit-env: unit-packages $(VENV)/made build/native.made

lab-env: root lab-packages unit-env build/layer.made

browser-env: lab-env $(VENV)/browser.made

$(VENV)/browser.made: tests/browser/requirements.txt $(VENV)/made
	@buildroot/scripts/install-packages $(BROWSER_PACKAGES)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r $<
	touch $@

$(VENV)/made: tests/requirements.txt | unit-packages
	$(PYTHON) -m venv --clear --system-site-packages $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r $<
	touch $@

# The C module in the source tree, for tests that import the package from there.
build/native.made: $(wildcard native/*.[ch]) native/build.py native/build_rsync.py native/build_zstd.py $(VENV)/made
	rm -f firmware/_native*
	$(PYTHON) native/build.py >build/native.log
	$(PYTHON) native/build_rsync.py >>build/native.log
	$(PYTHON) native/build_zstd.py >>build/native.log
	rm -f firmware/_native*.c firmware/_native*.o native/*.o
	touch $@

build/layer.made: $(LAYER_SOURCES) build/sources | lab-packages
	PYTHONPATH=buildroot/board:tests/quick_image $(PYTHON) tests/lab/layer.py
	touch $@

# Node makes the pages; nothing of it is on an appliance. A machine that has npm already keeps its own.
build/assets.made: $(FRONTEND) build/sources
	@command -v npm >/dev/null || buildroot/scripts/install-packages nodejs npm
	mkdir -p build/frontend && rm -rf build/frontend/src && cp -R firmware/wui/frontend/. build/frontend
	cd build/frontend && { cmp -s package-lock.json node_modules/.made || npm ci --ignore-scripts --no-audit --no-fund --silent; }
	cp build/frontend/package-lock.json build/frontend/node_modules/.made
	cd build/frontend && node build.mjs ../assets
	touch $@

build/keys/made: buildroot/scripts/make-authority | image-packages
	buildroot/scripts/make-authority build/keys

build/image/disk.img: build/assets.made build/image/base.made build/keys/made $(IMAGE_SOURCES) build/sources | image-packages
	tests/quick_image/build build/image/base build/image

build/image/base.made: $(BASE_SOURCES) | image-packages
	tests/quick_image/unpack build/image/base
	touch $@

# The list of sources: newer when one was added or taken away.
build/sources: always
	@mkdir -p build/image && printf '%s\n' $(IMAGE_SOURCES) >$@.new && { cmp -s $@.new $@ || cp $@.new $@; } && rm $@.new

# What is none of our targets goes to Buildroot: make -f image.mk BUILDROOT=DIR menuconfig
ifneq ($(BUILDROOT),)
.DEFAULT:
	@$(BUILDROOT_BUILD) $@ $(BUILDROOT_WORDS)
endif
