################################################################################
#
# haproxy
#
################################################################################

# What Buildroot's own haproxy.mk lacks; upstream/
# 0001-package-haproxy-build-it-for-the-C-library.diff
# is fit to be sent.

# CFLAGS on make's command line take the place of haproxy's own, -fwrapv
# among them. Without it the compiler drops checks for overflow, and haproxy
# refuses to start: "FATAL ERROR: invalid code detected".
HAPROXY_CFLAGS += -fwrapv

# TARGET=custom knows poll() alone: no epoll, accept4, prctl, network
# namespaces, and no hashed passwords in a userlist.
HAPROXY_MAKE_OPTS += TARGET=linux-glibc
HAPROXY_DEPENDENCIES += libxcrypt
# A dependency that comes after Buildroot's own rule is listed, not waited for.
$(HAPROXY_TARGET_CONFIGURE): | libxcrypt

# Debian's haproxy has both, and configurations move between the two images.
HAPROXY_MAKE_OPTS += USE_PROMEX=1
ifeq ($(BR2_PACKAGE_PCRE2_JIT),y)
HAPROXY_MAKE_OPTS += USE_PCRE2_JIT=1
endif
