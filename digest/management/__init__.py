"""Commands of operators: in, arguments; out, rows, mails and a summary on the terminal."""
