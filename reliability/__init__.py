"""Whether the server keeps its promises when it, its database, its disk or its network is hurt."""
