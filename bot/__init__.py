"""tiketi-chatops: a Discord bot that shows, asks about and runs the road from a push to pods."""
