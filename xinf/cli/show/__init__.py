"""What the commands show: pure functions from views to text and tables, and no loop."""
