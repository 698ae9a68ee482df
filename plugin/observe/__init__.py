"""What the application counts about itself, for Prometheus. Never about whom."""
