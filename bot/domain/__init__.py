"""What is true about releases, operations and consent: values and pure functions, standard library only."""
