"""The nightly exchange with the landlord's housing management system: files in, files out."""
