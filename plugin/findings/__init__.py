"""What the last sweep found, person by person, with its evidence; and a page about each rule. Nothing here is changed."""
