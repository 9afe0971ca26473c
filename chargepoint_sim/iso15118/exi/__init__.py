"""EXI for ISO 15118: typed messages from and to bytes, schema-informed, bit-packed, no Java."""
