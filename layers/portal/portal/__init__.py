"""The shared layer of the customer portal: one way in, one way out, and a package a domain."""
