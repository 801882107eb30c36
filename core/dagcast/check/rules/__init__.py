"""Rules of the service that its request shapes do not hold, one small entry each."""
