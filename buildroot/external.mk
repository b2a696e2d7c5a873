include $(sort $(wildcard $(BR2_EXTERNAL_CSYNCD_PATH)/package/*/*.mk))
