"""What can be asked in a session, a module for each topic: functions that call `operations`, and the rows that name them."""
