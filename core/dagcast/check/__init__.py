"""Finding what the service would refuse, before it is asked."""
