"""The fast road into the warehouse: files of lines to staged rows, the same as by `fhir_adapters.mapping`.

Most lines of an export differ from one another only in who, when and how much: the rest, their *skeleton*, comes again and again.
The mapper reads each skeleton once, and the ids, dates and numbers of each line are filled in. What would not surely be the same (a
time without an offset, an unusual reference, a wrong type …) goes line by line through the mapper itself.
"""
