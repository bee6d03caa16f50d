"""The database: tables, migrations, and the stores that fill domain objects from rows."""
