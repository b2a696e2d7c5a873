include $(sort $(wildcard $(BR2_EXTERNAL_CSYNCD_PATH)/package/*/*.mk))
# what packages of Buildroot's own lack, each with the patch for upstream beside it
include $(sort $(wildcard $(BR2_EXTERNAL_CSYNCD_PATH)/overrides/*.mk))
