"""Measures what docs/performance.md states. Ratios and counts are held by tests; times are never tested."""
