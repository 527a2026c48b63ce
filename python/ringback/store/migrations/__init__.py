"""Changes of the schema, in order (Alembic). A released one is never edited."""
