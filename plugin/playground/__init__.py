"""The playground: a page on which a rule is written and tried. It keeps nothing and shares nothing."""
