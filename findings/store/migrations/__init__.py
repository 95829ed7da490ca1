"""Database migrations; ``findings.store.migrate`` runs them."""
