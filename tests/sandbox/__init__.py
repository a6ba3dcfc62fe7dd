"""The stand-ins, asked by the clients that the bot uses."""
