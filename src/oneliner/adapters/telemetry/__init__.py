"""Who watches: counters for Prometheus, traces for OpenTelemetry."""
