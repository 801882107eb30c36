"""The plugin system: finding, choosing, loading and calling plugins. Authors import :mod:`dagcast.plugin`."""
