"""The grid's door: signals from outside become grid events by `grid.intake`, and by nothing else."""
