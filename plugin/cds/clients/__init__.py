"""Who calls: what is known of kinds of CDS Hooks clients, as data (one YAML file each, every line with its source), and who is configured."""
