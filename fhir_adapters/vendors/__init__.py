"""What is known of the FHIR servers of EHR vendors, as data: one YAML file each, every line with its source."""

from fhir_adapters.vendors.habits import GENERIC, Bulk, Split, Vendor, Writing, known_vendors, vendor

__all__ = ["GENERIC", "Bulk", "Split", "Vendor", "Writing", "known_vendors", "vendor"]
