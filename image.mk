# Everything that is built lies below build/. Works as root on a bare Debian 12; each target installs what it lacks.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
.PHONY: help env lab test bench soak clean packages always

# Debian's own interpreter, which the nodes use too
PYTHON := /usr/bin/python3
VENV := build/venv
NODES := $(PYTHON) tests/lab/nodes

# what runs on a node · what builds it · what the harness, the tests and the benchmark use
PACKAGES := busybox execline haproxy iproute2 libxxhash0 netbase openssh-client openssh-server openssl procps s6 tcpdump \
	util-linux wireguard-tools python3 python3-cffi-backend python3-h11 python3-netifaces python3-psutil \
	python3-pyinotify python3-serial \
	gcc libc6-dev libxxhash-dev python3-cffi python3-dev python3-setuptools python3-venv python3-wheel \
	curl e2fsprogs mount rsync shellcheck strace

# all that the node layer is made of
SOURCES := pyproject.toml setup.py tests/lab/layer.py \
	$(shell find firmware native overlay -name __pycache__ -prune -o -type f -not -name '_native*' -not -name '*.o' -print | sort)

help: ## this list
	@sed -n 's/^\([a-z]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 10

env: packages $(VENV)/made build/layer.made ## whatever the lab nodes and the tests need

lab: env ## two nodes play the story: pair, push, save, reboot
	$(VENV)/bin/python tests/story.py

test: env ## all tests (ARGS=… goes to pytest)
	$(VENV)/bin/python -m pytest $(ARGS)

bench: env ## prints a table, writes build/bench.json
	$(VENV)/bin/python tests/bench.py

soak: env ## the long runs, build/soak.json (ARGS="endurance=50": that one, 50 times; SEED=… again)
	$(VENV)/bin/python tests/soak.py $(if $(SEED),--seed $(SEED)) $(ARGS)

clean: ## everything built goes, labs first
	for lock in $$(find build -name lab.lock 2>/dev/null); do $(NODES) --state "$$(dirname "$$lock")" down; done
	rm -rf build firmware/_native* *.egg-info

packages:
	@tests/lab/packages $(PACKAGES)

$(VENV)/made: tests/requirements.txt | packages
	$(PYTHON) -m venv --clear --system-site-packages $(VENV)
	$(VENV)/bin/pip install --quiet --disable-pip-version-check -r $<
	touch $@

# The C module goes into the source tree, too, for tests that import the package from there.
build/layer.made: $(SOURCES) build/sources | packages
	$(PYTHON) tests/lab/layer.py
	rm -f firmware/_native*
	cp build/layer/usr/lib/python3/dist-packages/firmware/_native*.so firmware/
	touch $@

# The list of sources: newer when one was added or taken away.
build/sources: always
	@mkdir -p build && printf '%s\n' $(SOURCES) >$@.new && { cmp -s $@.new $@ || cp $@.new $@; } && rm $@.new
