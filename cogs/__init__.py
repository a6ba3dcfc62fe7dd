"""Slash commands, thin: parse, ask the gate, call a service, answer."""
