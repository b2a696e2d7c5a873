"""The services that exist, one small declarative file each; `services.catalog` finds them by name."""
