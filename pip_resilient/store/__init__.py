"""What outlives the process, in pip's cache folder; to lose it costs time and nothing else."""
