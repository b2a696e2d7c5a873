"""Only names the cffi modules; everything else stands in pyproject.toml."""

from setuptools import setup

setup(cffi_modules=["native/build.py:ffi", "native/build_rsync.py:ffi", "native/build_zstd.py:ffi"])
