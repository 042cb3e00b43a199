"""What people approved, as files for training: verdicts and images, on any storage."""
