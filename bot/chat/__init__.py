"""The Discord door: client, gate, buttons, and the board that keeps each card's message current."""
