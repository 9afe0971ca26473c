"""v2g-csms: a charging station management system that virtual power plants run on."""
