"""The schema's history (Alembic). `Database.migrate` brings a database to its newest revision."""
