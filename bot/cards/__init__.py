"""What people see, as values: one module for each kind of card, and the rules for escaping and length."""
