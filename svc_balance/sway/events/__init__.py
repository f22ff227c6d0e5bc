"""What happened when: feet, phases of standing, events by versioned rules."""
