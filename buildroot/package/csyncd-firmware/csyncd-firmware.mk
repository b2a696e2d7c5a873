################################################################################
#
# csyncd-firmware
#
################################################################################

CSYNCD_FIRMWARE_VERSION = 0.3.0
# scripts/build puts there what the package is made of, and nothing else.
CSYNCD_FIRMWARE_SITE = $(BASE_DIR)/csyncd-firmware
CSYNCD_FIRMWARE_SITE_METHOD = local
CSYNCD_FIRMWARE_LICENSE = Apache-2.0
CSYNCD_FIRMWARE_LICENSE_FILES = LICENSE
CSYNCD_FIRMWARE_SETUP_TYPE = setuptools
CSYNCD_FIRMWARE_DEPENDENCIES = host-python-cffi librsync xxhash zstd

# A module that was taken away goes from a root that is built on.
define CSYNCD_FIRMWARE_REMOVE_OLD
	rm -rf $(TARGET_DIR)/usr/lib/python$(PYTHON3_VERSION_MAJOR)/site-packages/firmware
endef
CSYNCD_FIRMWARE_PRE_INSTALL_TARGET_HOOKS += CSYNCD_FIRMWARE_REMOVE_OLD

$(eval $(python-package))
