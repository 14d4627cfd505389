"""What the verbs' command lines are made of."""

import argparse


def converted(convert):
    """An argparse type from a parser that raises ValueError with a sentence."""
    def parse(text):
        try:
            return convert(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from None
    return parse


def number(least, most=None, kind=int):
    """An argparse type for a number within bounds."""
    def parse(text):
        try:
            value = kind(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"'{text}' is not a number") from None
        if value < least or (most is not None and value > most):
            raise argparse.ArgumentTypeError(f"{text} is not within {least} .. {'any' if most is None else most}")
        return value
    return parse


def add_verb(verbs, name, text, perform_it, changes=False):
    """A verb's parser; `changes` says that the verb must run alone."""
    verb = verbs.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".", allow_abbrev=False)
    verb.set_defaults(perform=perform_it, changes=changes)
    return verb
