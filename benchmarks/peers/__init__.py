"""The servers that are measured beside `csms serve`; each is a process of its own."""
