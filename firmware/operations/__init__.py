"""What the programs do, as functions that return frozen dataclasses and raise `errors.Failure`: for commands and the web UI.

None of them prints or asks a person anything. Where a person has to agree, there are two functions, one to be called before
and one after. Those take `who` asks whose doing the audit trail or the history names.
"""
