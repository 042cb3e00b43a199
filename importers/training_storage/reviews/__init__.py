"""Label Studio → ledger.reviews: which tasks are read, and what people decided of each."""
