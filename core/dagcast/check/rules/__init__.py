"""Rules of the service that its request shapes do not contain. Each rule is one small entry."""
