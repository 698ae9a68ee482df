"""What carries messages: one file for each way. A new way is a class with the two methods of `Gateway`, and a name in the settings."""
