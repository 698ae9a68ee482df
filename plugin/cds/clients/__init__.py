"""Who calls: what is known of kinds of CDS Hooks clients, as data with its sources, one YAML file each; and who is configured."""
