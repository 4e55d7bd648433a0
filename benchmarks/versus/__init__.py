"""What a user would pick: measured against one another in one run."""
