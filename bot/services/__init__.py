"""Use cases as functions over storage, domain and adapters; they know neither Discord nor HTTP."""
