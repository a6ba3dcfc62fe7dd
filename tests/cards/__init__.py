"""What people see: exact cards for every state, hostile text, and Discord's limits."""
