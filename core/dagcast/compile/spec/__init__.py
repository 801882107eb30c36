"""The intermediate representation: frozen, plain data."""
