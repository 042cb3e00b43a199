"""What images cost: estimates before, caps meanwhile, accounts after, and the provider's terms."""
