"""The worklist: whom to call and why, for outreach staff; and a page about each rule."""
