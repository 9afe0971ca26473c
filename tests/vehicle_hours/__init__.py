"""Vehicle-hours in bulk: the deciding half of the house against stations and vehicles that are made up."""
