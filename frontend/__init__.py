"""The static site: sources, and the build that writes them to build/site/."""
