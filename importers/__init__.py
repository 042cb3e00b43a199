"""Generated images into Label Studio, approved samples into training storage."""
