"""Commands for operators. In: arguments. Out: rows, mails and a summary on the terminal."""
