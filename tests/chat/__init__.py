"""The bot in a simulated guild: people press and type, and what they see is compared."""
