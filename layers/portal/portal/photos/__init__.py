"""Photos of a repair: sent straight to S3, made harmless on arrival, shown to their own tenancy alone."""
