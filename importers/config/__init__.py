"""What a campaign says: its TOML file, checked, with defaults and places."""
