"""One adapter for each port; none knows another."""
