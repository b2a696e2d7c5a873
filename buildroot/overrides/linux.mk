################################################################################
#
# linux
#
################################################################################

# Before minutes of building: does the configuration have what we ask for?
define LINUX_CHECK_FRAGMENT
	$(BR2_EXTERNAL_CSYNCD_PATH)/scripts/check-config \
		$(@D)/.config $(BR2_EXTERNAL_CSYNCD_PATH)/board/linux.fragment
endef
LINUX_POST_CONFIGURE_HOOKS += LINUX_CHECK_FRAGMENT
