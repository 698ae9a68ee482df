"""The pages for staff in other languages than English: one GNU gettext catalogue (.po) for each."""
