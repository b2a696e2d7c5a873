################################################################################
#
# csyncd-firmware
#
################################################################################

CSYNCD_FIRMWARE_VERSION = 0.3.0
CSYNCD_FIRMWARE_SITE = $(BR2_EXTERNAL_CSYNCD_PATH)/..
CSYNCD_FIRMWARE_SITE_METHOD = local
CSYNCD_FIRMWARE_LICENSE = Apache-2.0
CSYNCD_FIRMWARE_LICENSE_FILES = LICENSE
CSYNCD_FIRMWARE_SETUP_TYPE = setuptools
CSYNCD_FIRMWARE_DEPENDENCIES = host-python-cffi xxhash

# The project's own directory has more in it than the package.
CSYNCD_FIRMWARE_OVERRIDE_SRCDIR_RSYNC_EXCLUSIONS = \
	--exclude '/firmware/_native*' \
	--exclude __pycache__ \
	--include '/firmware/***' \
	--include '/native/***' \
	--include /pyproject.toml \
	--include /setup.py \
	--include /LICENSE \
	--exclude '*'

# A module that was taken away goes from a root that is built on.
define CSYNCD_FIRMWARE_REMOVE_OLD
	rm -rf $(TARGET_DIR)/usr/lib/python$(PYTHON3_VERSION_MAJOR)/site-packages/firmware
endef
CSYNCD_FIRMWARE_PRE_INSTALL_TARGET_HOOKS += CSYNCD_FIRMWARE_REMOVE_OLD

$(eval $(python-package))
