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

# The project's own directory: what is built there by other means stays there.
CSYNCD_FIRMWARE_OVERRIDE_SRCDIR_RSYNC_EXCLUSIONS = \
	--exclude /build \
	--exclude /tests \
	--exclude /firmware/_native* \
	--exclude '*.egg-info' \
	--exclude __pycache__

$(eval $(python-package))
