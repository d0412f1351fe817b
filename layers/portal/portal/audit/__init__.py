"""What became of each try to get in or to change something: kept for the landlord, and told to nobody else."""
