"""The terminal's door: everything over REST but `serve`, `demo`, `db` and `config`."""
