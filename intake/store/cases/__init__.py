"""Cases: opened, changed by mail and by hand, reminded of."""
