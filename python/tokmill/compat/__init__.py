"""Other libraries' interfaces over the same core: each submodule takes the place of the library it is named after.

They keep the defaults of what they replace, which may differ from those of ``tokmill.Tokenizer``.
"""
