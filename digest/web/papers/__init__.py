"""What pages say of a paper: its card, facts, links and buttons, the same on every page."""
