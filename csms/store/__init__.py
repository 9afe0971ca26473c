"""Remembers. The only room with SQL: one noun a file, its rows on top, its queries below."""
