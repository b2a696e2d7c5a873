################################################################################
#
# python3
#
################################################################################

# What makes Buildroot's own interpreter slower than it need be; upstream/
# 0002-package-python3-have-computed-gotos.diff
# is fit to be sent.

# configure finds out by running a program whether the compiler has computed
# gotos, and takes "no" for an answer when it cannot: every bytecode then goes
# through one switch.
PYTHON3_CONF_OPTS += --with-computed-gotos

# Nobody puts functions of his own in the place of libpython's: it may call
# them directly instead of through its PLT. Python does the first of these
# itself with --enable-optimizations, which has to run what it builds.
PYTHON3_CFLAGS += -fno-semantic-interposition
PYTHON3_CONF_ENV += LDFLAGS="$(TARGET_LDFLAGS) -Wl,-Bsymbolic-functions"
