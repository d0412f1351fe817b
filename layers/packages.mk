# How a layer's packages are installed and packed. A layer's Makefile says LOCK (requirements/<LOCK>.txt), may say
# TRIM (a program that is given the folder of packages), then includes this; `sam build` calls it from the project's
# root (WorkingDirectory in template.yaml) with ARTIFACTS_DIR set.
#
#   ARCHITECTURE=arm64|x86_64   wheels for that Lambda architecture; unset, for the machine at hand
#
# Packages are installed and trimmed once for each lock file and kept in .venvs/layer-*, so that a changed line of
# the portal's own code is rebuilt in a second.

PYTHON ?= $(firstword $(wildcard .venvs/dev/bin/python) python3.13)
ARCHITECTURE ?=

MACHINE_arm64 := aarch64
MACHINE_x86_64 := x86_64
MACHINE := $(MACHINE_$(ARCHITECTURE))
WHEELS := $(if $(MACHINE),--only-binary=:all: --implementation cp --python-version 3.13 --abi cp313 --abi abi3 --abi none \
	$(foreach tag,manylinux_2_34 manylinux_2_28 manylinux_2_17 manylinux2014,--platform $(tag)_$(MACHINE)))

KEY := $(shell cat requirements/$(LOCK).txt layers/packages.mk $(TRIM) | cksum | cut -d' ' -f1)
PACKED_OF_LOCK := .venvs/layer-$(LOCK)-$(or $(ARCHITECTURE),host)
PACKED := $(PACKED_OF_LOCK)-$(KEY)
COMPILE := $(PYTHON) -m compileall -q -j 0 --invalidation-mode unchecked-hash

# Packages ship as bytecode alone: half the files to unpack and to look for. unchecked-hash, because Lambda mounts
# layers read-only and with times of its own.
$(PACKED):
	rm -rf $(PACKED).part $(PACKED_OF_LOCK)-*
	$(PYTHON) -m pip install --quiet --no-compile --no-deps --require-hashes --disable-pip-version-check \
		--target $(PACKED).part --requirement requirements/$(LOCK).txt $(WHEELS)
	$(if $(TRIM),$(PYTHON) $(TRIM) $(PACKED).part)
	$(COMPILE) -b -s $(PACKED).part -p /opt/python $(PACKED).part
	find $(PACKED).part -name '*.py' -exec rm {} +
	mv $(PACKED).part $(PACKED)
