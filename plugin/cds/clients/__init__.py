"""Who calls: what is known of kinds of CDS Hooks clients, as data, and who is configured."""
