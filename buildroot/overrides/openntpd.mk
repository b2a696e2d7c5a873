################################################################################
#
# openntpd
#
################################################################################

# The account as Debian calls it, whom /etc/passwd of the factory has.
OPENNTPD_CONF_OPTS += --with-privsep-user=ntpd
