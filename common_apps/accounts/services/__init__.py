"""What changes accounts: users, profile types, tokens, API keys."""
