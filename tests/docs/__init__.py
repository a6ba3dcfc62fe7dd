"""What the pages say is what the program does: names, defaults, answers, links and examples."""
