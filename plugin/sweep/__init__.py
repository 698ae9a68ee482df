"""Registry sweeps: everybody, evaluated and published at once or not at all."""
