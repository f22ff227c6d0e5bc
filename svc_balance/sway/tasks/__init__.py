"""What each test asks for and gives: time held, BESS, CTSIB, Y-Balance."""
