"""The fast road into the warehouse: files of lines to staged rows, in SQL where that says the same as `fhir_adapters.mapping`.

Most lines of an export differ from one another only in who, when and how much: the rest, their *skeleton*, comes again and again.
The mapper reads each skeleton once and SQL fills in the ids, dates and numbers of each line. What SQL cannot be sure of (a partial date,
an unusual reference, a wrong type …) goes line by line through the mapper itself.
"""
