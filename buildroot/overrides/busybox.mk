################################################################################
#
# busybox
#
################################################################################

# Before minutes of building: does the configuration have what we ask for?
define BUSYBOX_CHECK_FRAGMENT
	$(BR2_EXTERNAL_CSYNCD_PATH)/scripts/check-config \
		$(@D)/.config $(BR2_EXTERNAL_CSYNCD_PATH)/board/busybox.fragment
endef
BUSYBOX_POST_CONFIGURE_HOOKS += BUSYBOX_CHECK_FRAGMENT
