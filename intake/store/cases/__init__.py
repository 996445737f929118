"""Cases: opening, changes by mail and by operators, reminders."""
