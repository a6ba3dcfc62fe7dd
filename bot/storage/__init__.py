"""SQL and nothing else: engine, schema, migrations and one module for each family of tables."""
